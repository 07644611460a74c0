"""Counts who listens to which channel in this process, and tells the others what changed."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import TypeVar

from notificacao import presence
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.presence import Count
from notificacao.stream.registry import SubscriberRegistry

EVERY = 5.0  # seconds
_BATCH = 500  # channels written at once
_AT_A_STRETCH = 2_000  # listeners counted before the loop may turn to others

Item = TypeVar("Item")
_NOBODY = Count(0, 0)


class PresenceReporter:
    """Of one life of a process, on the loop of its hub. What it told the others is `_told`; only what differs is
    written. A channel that nobody listens to any more is told as such, and dropped after CHANNEL_IDLE.
    """

    def __init__(self, registry: SubscriberRegistry, thread: DatabaseThread):
        self._registry = registry
        self._thread = thread
        self._process = uuid.uuid4().hex
        self._told: dict[str, Count] = {}
        self._idle_since: dict[str, float] = {}

    async def take(self) -> None:
        """One round, and the pause after it."""
        if not await self._thread.run(presence.beat, self._process):
            self._told.clear()
        counts = await self._count()
        now = time.monotonic()
        gone = dict.fromkeys(self._told.keys() - counts.keys(), _NOBODY)
        self._idle_since = {name: self._idle_since.get(name, now) for name in gone}
        await self._tell(counts | gone)
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

    async def _tell(self, counts: dict[str, Count]) -> None:
        changed = [(name, count) for name, count in counts.items() if self._told.get(name) != count]
        for batch in _batches(changed):
            moved = [name for name, count in batch if (count == _NOBODY) != (self._told.get(name) in (None, _NOBODY))]
            await self._thread.run(presence.tell, self._process, dict(batch), moved)
            self._told.update(batch)

    async def _drop(self, channels: list[str]) -> None:
        for batch in _batches(channels):
            await self._thread.run(presence.drop, self._process, batch)
            for name in batch:
                del self._told[name], self._idle_since[name]


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    items = iter(items)
    while batch := list(itertools.islice(items, _BATCH)):
        yield batch
