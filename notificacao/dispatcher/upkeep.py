"""Do what the leading dispatcher does beside delivering: trim the log, link the audit trail, write figures, measure."""

import asyncio
import math
import time
from collections.abc import Callable

from notificacao import audit_chain, retention
from notificacao.database import DatabaseThread
from notificacao.dispatcher import ages, figures_round

_MEASURE_EVERY = 1.0  # seconds
_ENDS_OF_KEYS_EVERY = 60.0  # seconds
_RETAIN_EVERY = 600.0  # seconds
_LINK_EVERY = 5.0  # seconds
_PAUSE = 0.5  # seconds between batches: stamping and producers come first


class Upkeep:
    """Do all of it on `thread`, whose statements may take long.

    `term` answers the leader's term, None where another dispatcher leads; `is_certain`, whether the lease is certain to
    be held still.
    """

    def __init__(self, thread: DatabaseThread, term: Callable[[], int | None], is_certain: Callable[[], bool]):
        self._thread = thread
        self._term = term
        self._is_certain = is_certain
        self._ends_shown_at = -math.inf  # monotonic seconds

    async def retain(self) -> None:
        """Trim the log and clear what else is too old, every `_RETAIN_EVERY` seconds."""
        await asyncio.sleep(_RETAIN_EVERY)
        while self._term() is not None and await self._thread.run(retention.trim) > 0:
            await asyncio.sleep(_PAUSE)
        if self._term() is not None:
            await self._thread.run(retention.clear_the_rest)

    async def link_audit(self) -> None:
        """Link the audit trail's new events, every `_LINK_EVERY` seconds, in batches with pauses."""
        await asyncio.sleep(_LINK_EVERY)
        while self._term() is not None and await self._thread.run(audit_chain.link) > 0:
            await asyncio.sleep(_PAUSE)

    async def write_figures(self) -> None:
        """Write the figures of the last minute, soon after each begins. Raises LeadLost."""
        term = self._term()
        await asyncio.sleep(_LINK_EVERY if term is None else await self._thread.run(figures_round.write_down, term))

    async def measure(self) -> None:
        """Show how long rows wait, and once a minute when keys end, while this dispatcher is certain to lead."""
        if self._is_certain():
            await self._thread.run(ages.measure)
            if time.monotonic() - self._ends_shown_at > _ENDS_OF_KEYS_EVERY:
                await self._thread.run(ages.show_ends_of_keys)
                self._ends_shown_at = time.monotonic()
        await asyncio.sleep(_MEASURE_EVERY)
