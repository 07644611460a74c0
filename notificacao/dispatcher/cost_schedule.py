"""Meter the month's cost in the leading dispatcher, once a minute, and let the governor act."""

import asyncio
import math
import time
from collections.abc import Callable

from notificacao import cost, metrics
from notificacao.database import DatabaseThread
from notificacao.dispatcher import lease
from notificacao.models import CostGovernor

EVERY = 60.0  # seconds between two rounds
_LOOK_EVERY = 1.0  # seconds between two looks at who leads


class CostSchedule:
    """Run the rounds on `thread`, and tell their figures while this dispatcher leads.

    `term` answers the leader's term, None where another dispatcher leads.
    """

    def __init__(
        self, thread: DatabaseThread, term: Callable[[], int | None], clock: Callable[[], float] = time.monotonic
    ):
        self._thread = thread
        self._term = term
        self._clock = clock
        self._due = -math.inf

    async def watch(self) -> None:
        """Do one round where it is due, then pause for a second. Raises LeadLost."""
        await self.look()
        await asyncio.sleep(_LOOK_EVERY)

    async def look(self) -> None:
        """Do one round where it is due; while another dispatcher leads, tell nothing. Raises LeadLost."""
        term, now = self._term(), self._clock()
        if term is None:
            self._due = -math.inf
        elif now >= self._due:
            self._due = now + EVERY
            _tell(await self._thread.run(_look, term))


def _look(term: int) -> cost.Advice:
    """Meter and govern as the leader in `term`. Raises LeadLost.

    What takes time is read before each transaction: it holds the lease's row.
    """
    seen = cost.look()
    with lease.kept(term):
        cost.sample(seen)
    advice = cost.advise()
    with lease.kept(term):
        cost.govern(advice)
    return advice


def _tell(advice: cost.Advice) -> None:
    """Set the metrics."""
    month = advice.month
    figures = {"month": month.spent, "forecast": month.forecast.expected, "budget": month.budget}
    for what, amount in figures.items():
        metrics.ABLY_COST.labels(what).set(float(amount))
    for mode in CostGovernor.Mode.values:
        metrics.COST_GOVERNOR_LEVEL.labels(mode).set(advice.level if mode == advice.row.mode else 0)
