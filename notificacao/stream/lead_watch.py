"""Watch from a web process whether any dispatcher leads: where none does, no leader can tell."""

import asyncio
import time
from collections.abc import Callable

from notificacao import alerts
from notificacao.database import DatabaseThread
from notificacao.models import DispatcherLease

EVERY = 5.0  # seconds between two looks
WITHIN = 30.0  # seconds in which somebody should have taken the lead


class LeadWatch:
    """Open the alert once nobody has led for `WITHIN` seconds of this process's own monotonic clock.

    The next leader closes it. Its notification is stamped by then at the earliest: until then the admin and
    `/health/ready` show it.
    """

    def __init__(self, thread: DatabaseThread, clock: Callable[[], float] = time.monotonic):
        self._thread = thread
        self._clock = clock
        self._missing_since: float | None = None

    async def watch(self) -> None:
        """Pause for `EVERY` seconds, then look once."""
        await asyncio.sleep(EVERY)
        await self.look()

    async def look(self) -> None:
        """Look once whether somebody leads. A look that fails begins the time anew: the leader may not reach the
        database either, and is back with it.
        """
        since, self._missing_since = self._missing_since, None
        if await self._thread.run(DispatcherLease.is_held):
            return
        now = self._clock()
        self._missing_since = now if since is None else since
        if now - self._missing_since >= WITHIN:
            await self._thread.run(alerts.open, "NobodyLeads")
