"""The guard's turn in the leading dispatcher: once a minute, where a plan is under way."""

import asyncio
import time
from collections.abc import Callable

from notificacao import metrics
from notificacao.database import DatabaseThread
from notificacao.models import RolloutPlan
from notificacao.rollout.guard import LOOK_EVERY


class GuardSchedule:
    """`term` tells the term to look in; None: another leads. What passed is measured by this process's own clock."""

    def __init__(self, term: Callable[[], int | None], clock: Callable[[], float] = time.monotonic):
        self._term = term
        self._clock = clock
        self._looked_at: float | None = None
        self._thread = DatabaseThread("guard")

    async def watch(self) -> None:
        """One look, and the pause before it. Raises LeadLost."""
        await asyncio.sleep(LOOK_EVERY)
        await self.look()

    async def look(self) -> None:
        term, now = self._term(), self._clock()
        if term is None:
            self._looked_at = None
            return
        passed = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        await self._thread.run(_look, term, passed)

    def close(self) -> None:
        self._thread.close()


def _look(term: int, passed: float) -> None:
    plan = RolloutPlan.objects.last()
    if plan is None or not plan.under_way:
        metrics.ROLLOUT_PERCENT.set(0)
        return
    from notificacao.dispatcher.guard_round import look  # numpy costs memory that only a plan is worth

    look(plan, term, passed)
