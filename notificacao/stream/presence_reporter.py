"""Counts who listens to which channel in this process, and tells the others what changed."""

import asyncio
import time
import uuid

from notificacao import presence
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.presence import Count
from notificacao.stream.batches import batches
from notificacao.stream.registry import SubscriberRegistry

EVERY = 5.0  # seconds
_AT_A_STRETCH = 2_000  # listeners counted before the loop may turn to others

_NOBODY = Count(0, 0)


class PresenceReporter:
    """Of one life of a process, on the loop of its hub. What it told the others is `_reported`; only what differs is
    written. A channel that nobody listens to any more is told as such, and dropped after CHANNEL_IDLE.
    """

    def __init__(self, registry: SubscriberRegistry, thread: DatabaseThread):
        self._registry = registry
        self._thread = thread
        self._process = uuid.uuid4().hex
        self._reported: dict[str, Count] = {}
        self._idle_since: dict[str, float] = {}

    async def report(self) -> None:
        """One round, and the pause after it."""
        if not await self._thread.run(presence.beat, self._process):
            self._reported.clear()
        counts = await self._count()
        now = time.monotonic()
        gone = dict.fromkeys(self._reported.keys() - counts.keys(), _NOBODY)
        self._idle_since = {name: self._idle_since.get(name, now) for name in gone}
        await self._write(counts | gone)
        await self._drop([name for name, since in self._idle_since.items() if now - since >= conf.CHANNEL_IDLE])
        await asyncio.sleep(EVERY)

    async def _count(self) -> dict[str, Count]:
        counts: dict[str, Count] = {}
        counted = 0
        for name, subscribers in self._registry.channels():
            on_ably = sum(subscriber.in_standby for subscriber in subscribers)
            if subscribers:
                counts[name] = Count(len(subscribers) - on_ably, on_ably)
            counted += len(subscribers)
            if counted >= _AT_A_STRETCH:
                counted = 0
                await asyncio.sleep(0)
        return counts

    async def _write(self, counts: dict[str, Count]) -> None:
        changed = [(name, count) for name, count in counts.items() if self._reported.get(name) != count]
        for batch in batches(changed):
            moved = [
                name for name, count in batch if (count == _NOBODY) != (self._reported.get(name) in (None, _NOBODY))
            ]
            await self._thread.run(presence.tell, self._process, dict(batch), moved)
            self._reported.update(batch)

    async def _drop(self, channels: list[str]) -> None:
        for batch in batches(channels):
            await self._thread.run(presence.drop, self._process, batch)
            for name in batch:
                del self._reported[name], self._idle_since[name]
