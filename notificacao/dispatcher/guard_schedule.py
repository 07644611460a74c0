"""Schedule the rollout's guard in the leading dispatcher: once a minute, where a plan is under way."""

import asyncio
import time
from collections.abc import Callable

from notificacao import metrics
from notificacao.database import HEAVY, DatabaseThread
from notificacao.models import RolloutPlan
from notificacao.rollout.guard import LOOK_EVERY


class GuardSchedule:
    """Run the guard's rounds, and measure the seconds between two of them by this process's own monotonic clock.

    `term` answers the leader's term to look in; None means that another dispatcher leads.
    """

    def __init__(self, term: Callable[[], int | None], clock: Callable[[], float] = time.monotonic):
        self._term = term
        self._clock = clock
        self._looked_at: float | None = None
        self._thread = DatabaseThread("guard", HEAVY)

    async def watch(self) -> None:
        """Pause for `LOOK_EVERY` seconds, then do one round. Raises LeadLost."""
        await asyncio.sleep(LOOK_EVERY)
        await self.look()

    async def look(self) -> None:
        """Do one round now; none while another dispatcher leads. Raises LeadLost."""
        term, now = self._term(), self._clock()
        if term is None:
            self._looked_at = None
            return
        passed = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        await self._thread.run(_look, term, passed)
        metrics.GUARD_LOOKED.set_to_current_time()

    def close(self) -> None:
        """Stop the guard's database thread."""
        self._thread.close()


def _look(term: int, passed: float) -> None:
    """Do one round of the guard on a plan that is under way or completed; else show the percent as 0.

    Raises LeadLost.
    """
    plan = RolloutPlan.objects.last()
    if plan is None or not plan.is_watched:
        metrics.ROLLOUT_PERCENT.set(0)
        return
    from notificacao.dispatcher.guard_round import look  # it needs numpy, whose memory only a plan is worth

    look(plan, term, passed)
