"""Report who has which pages open in this process, and on which channel, so that staff see those of all processes."""

import asyncio
import functools
import time
import uuid

from notificacao import presence
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.presence import Count, Pages
from notificacao.rounds import Rounds
from notificacao.stream.batches import batches
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Subscriber

EVERY = 5.0  # seconds between two reports
_AT_A_STRETCH = 2_000  # subscribers that are counted before the loop may do something else

BROWSERS_MAX = 120  # characters, as the column has them
_NOBODY = Count(0, 0)


class PresenceReporter:
    """Write this process's counts to the database, on the loop of its hub: only what differs from the last report.

    A channel that nobody is subscribed to any more is reported as empty, and dropped after CHANNEL_IDLE seconds. A
    person whose last page is gone is dropped at once.
    """

    def __init__(self, registry: SubscriberRegistry, thread: DatabaseThread):
        self._registry = registry
        self._thread = thread
        self.rounds = Rounds()  # each has written, so the database takes writes
        self._process = uuid.uuid4().hex
        self._reported: dict[str, Count] = {}
        self._idle_since: dict[str, float] = {}
        self._people: dict[int, Pages] = {}  # as reported

    async def report(self) -> None:
        """Report once, then pause for EVERY seconds."""
        if not await self._thread.run(presence.record_process, self._process):
            self._reported.clear()
            self._people.clear()
        self.rounds.succeeded()
        counts = await self._count()
        now = time.monotonic()
        gone = dict.fromkeys(self._reported.keys() - counts.keys(), _NOBODY)
        self._idle_since = {name: self._idle_since.get(name, now) for name in gone}
        await self._write(counts | gone)
        await self._drop([name for name, since in self._idle_since.items() if now - since >= conf.CHANNEL_IDLE])
        await self._report_people()
        await asyncio.sleep(EVERY)

    async def _count(self) -> dict[str, Count]:
        """Return the people on SSE and on Ably of each channel that has subscribers."""
        counts: dict[str, Count] = {}
        counted = 0
        for name, subscribers in self._registry.channels():
            on_ably = sum(subscriber.in_standby for subscriber in subscribers)
            if subscribers:
                counts[name] = _count(len(subscribers) - on_ably, on_ably)
            counted += len(subscribers)
            if counted >= _AT_A_STRETCH:
                counted = 0
                await asyncio.sleep(0)
        return counts

    async def _write(self, counts: dict[str, Count]) -> None:
        """Write the counts that changed; `since` moves where a channel's first person came or its last one left."""
        changed = [(name, count) for name, count in counts.items() if self._reported.get(name) != count]
        for batch in batches(changed):
            moved = [
                name for name, count in batch if (count == _NOBODY) != (self._reported.get(name) in (None, _NOBODY))
            ]
            await self._thread.run(presence.write_counts, self._process, dict(batch), moved)
            self._reported.update(batch)

    async def _drop(self, channels: list[str]) -> None:
        """Delete the rows of channels that were empty for long."""
        for batch in batches(channels):
            await self._thread.run(presence.drop, self._process, batch)
            for name in batch:
                del self._reported[name], self._idle_since[name]

    async def _report_people(self) -> None:
        """Write the people whose pages are others than reported, and drop those who have none any more."""
        here: dict[int, Pages] = {}
        for seen, subscriber in enumerate([*self._registry.subscribers.values()], 1):
            here[subscriber.pk] = _pages_of(subscriber)
            if not seen % _AT_A_STRETCH:
                await asyncio.sleep(0)
        for gone in batches(self._people.keys() - here.keys()):
            await self._thread.run(presence.drop_connections, self._process, gone)
            for pk in gone:
                del self._people[pk]
        for batch in batches((pk, pages) for pk, pages in here.items() if self._people.get(pk) != pages):
            await self._thread.run(presence.write_connections, self._process, dict(batch))
            self._people.update(batch)


def _pages_of(subscriber: Subscriber) -> Pages:
    """Return the open pages of `subscriber`, and their browsers, each once."""
    names = sorted({stream.browser_name for stream in subscriber.streams if stream.browser_name})
    standby = sum(stream.lane is Lane.STANDBY for stream in subscriber.streams)
    return _pages(len(subscriber.streams) - standby, standby, tuple(names))


@functools.lru_cache(maxsize=1_000)  # few different ones serve many people, each of whom keeps one
def _pages(live: int, standby: int, browsers: tuple[str, ...]) -> Pages:
    return Pages(live, standby, ", ".join(browsers)[:BROWSERS_MAX])


@functools.lru_cache(maxsize=1_000)  # the same of counts: each personal channel has one
def _count(on_sse: int, on_ably: int) -> Count:
    return Count(on_sse, on_ably)
