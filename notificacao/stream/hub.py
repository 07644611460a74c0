"""The hub: one per process. It tails the log, encodes each row once, and writes it to the streams that may have it.

Everything here runs on the event loop, without an `await` between reading the hub's state and changing it; what the
database is asked runs on threads of the hub's own. Wakes make it fast; the poll makes it true.
"""

import asyncio
import time
from typing import Any

import structlog

from notificacao import eventlog, metrics, wakes
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.eventlog import Cursor
from notificacao.stream import frames, tail
from notificacao.stream.access_refresh import AccessRefresh
from notificacao.stream.authorisation import Grant
from notificacao.stream.fanout import Fanout
from notificacao.stream.heartbeat import Heartbeat
from notificacao.stream.presence_reporter import PresenceReporter
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.replay_cache import ReplayCache
from notificacao.stream.standby import PATIENCE, StandbyLane
from notificacao.stream.subscribers import DRAIN_SPREAD_MS, Lane, Stream, Subscriber
from notificacao.stream.transport_switch import TransportSwitch
from notificacao.stream.unread_counts import UnreadCounts

logger = structlog.get_logger(__name__)

TICK = 1.0  # seconds: heads and counts at most this often
JOIN = 0.005  # seconds between two looks at the log: what comes meanwhile is written in one piece
ASIDE = 0.05  # seconds for which people and rollout count as known while rows come
_PIECE = 65_536  # bytes written to one stream before the loop may send them
_AFTER_A_FAULT = 0.5  # seconds
_RETURNS_A_SECOND = 4_000


class Hub:
    """The streams of this process and the position in the log up to which they were fed."""

    def __init__(self) -> None:
        self.position = Cursor("", 0)
        self.registry = SubscriberRegistry()
        self.draining = False
        self._aside_thread = DatabaseThread("hub-aside")
        self.access = AccessRefresh(self.registry, self._aside_thread)
        self.counts = UnreadCounts(self.registry, self._aside_thread)
        self._presence = PresenceReporter(self.registry, self._aside_thread)
        self._heartbeat = Heartbeat(self.registry, lambda: self.position)
        self._standby = StandbyLane()
        self.replay_cache = ReplayCache()
        self._transport_switch = TransportSwitch(self.registry)
        self._known_until = 0.0
        self._tail_thread = DatabaseThread("hub")
        self._advanced = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (
                    self._tail,
                    self._tick,
                    self._recount,
                    self._sweep,
                    self.counts.count_newcomers,
                    self._presence.report,
                ):
                    tasks.create_task(self._forever(work), name=f"hub {work.__name__}")
        finally:
            self._tail_thread.close()
            self._aside_thread.close()

    async def _forever(self, work) -> None:
        """While the database is away the streams stay open; when it is back, all goes on."""
        while True:
            try:
                await work()
            except Exception as error:
                logger.exception("hub_fault", task=work.__name__, error=str(error))
                await asyncio.sleep(_AFTER_A_FAULT)

    async def _tick(self) -> None:
        """Asks the database nothing: streams hear their heartbeat while it is away, or hangs."""
        await asyncio.sleep(TICK)
        await self._heartbeat.beat()
        self._transport_switch.send()

    async def _recount(self) -> None:
        await asyncio.sleep(TICK)
        await self.counts.count_again()

    async def _sweep(self) -> None:
        await self.access.sweep()
        self.counts.mark_trimmed()

    # --- Tailing the log

    async def _tail(self) -> None:
        doorbell = wakes.Doorbell(wakes.HUBS)
        try:
            if not self.position.epoch:
                self.position = await self._tail_thread.run(eventlog.position)
            while True:
                began = time.monotonic()
                known = self._transport_switch.rollout if began < self._known_until else None
                news = await self._tail_thread.run(
                    tail.read, self.position, self._standby.unsettled, self.registry.subscribers.keys(), known
                )
                if known is None:
                    self._known_until = began + ASIDE
                await self._take(news)
                if not news.more:
                    await doorbell.wait(self._until_next_look(known is None))
                    await asyncio.sleep(max(0.0, began + JOIN - time.monotonic()))
        finally:
            doorbell.close()

    def _until_next_look(self, saw_all: bool) -> float:
        """A wake that was answered with rows alone may have told of people: they are looked at next."""
        if not saw_all:
            return max(0.0, self._known_until - time.monotonic())
        return min(conf.DISPATCH_POLL, PATIENCE / 4) if self._standby.unsettled else conf.DISPATCH_POLL

    async def _take(self, news: tail.News) -> None:
        changed_access = self.access.note(news.people)
        metrics.BREAKER.state(news.rollout.breaker)
        self._transport_switch.follow(news.rollout)
        if news.epoch_changed:
            await self._begin_new_epoch(news.position)
        else:
            self.replay_cache.see(self.position, news.rows, news.trimmed_to)
            await self._spread(news.rows)
            self.position = news.position
        self.counts.trimmed_to = news.trimmed_to
        self._write_standby(news)
        self._advanced.set()
        if changed_access:
            await self.access.authorise(changed_access)

    async def _spread(self, rows: list[Any]) -> None:
        """Write the rows to the live lane, in pieces, and leave them with the standby lane."""
        epoch = self.position.epoch
        spread = Fanout(self.registry.subscribers_of)
        for row in rows:
            assert row.seq is not None
            self._heartbeat.head_moved(row.channel, row.seq)
            subscribers = self.registry.subscribers_of(row.channel)
            if not subscribers or row.expired:
                continue
            line = spread.add(row, epoch)
            if any(subscriber.in_standby for subscriber in subscribers):
                self._standby.see(row, line, time.monotonic())
            if spread.size >= _PIECE:
                spread.write()
                self.position = eventlog.place_of(row, epoch)
                await asyncio.sleep(0)
        spread.write()

    def _write_standby(self, news: tail.News) -> None:
        states = news.settled | {row.seq: row.dispatch_state for row in news.rows if row.seq is not None}
        pages = self.registry.in_standby
        for owed in self._standby.due(states, news.rollout, time.monotonic(), pages=pages):
            for subscriber in self.registry.subscribers_of(owed.channel):
                if subscriber.may_see(owed.channel, owed.seq):
                    subscriber.write(owed.frame, Lane.STANDBY)

    async def _begin_new_epoch(self, position: Cursor) -> None:
        """The log was set back, or given another epoch: who may hear what is asked anew before anything is sent."""
        logger.warning("log_begins_another_life", before=str(self.position), now=str(position))
        await self.access.authorise(self.registry.subscribers)
        self.position = position
        self._standby.clear()
        self.replay_cache.begin(position)
        self._heartbeat.forget_heads()
        for subscriber in self.registry.subscribers.values():
            subscriber.write(frames.resync(position))
        self.counts.mark_all()

    # --- Joining and leaving

    async def reached(self, position: Cursor) -> bool:
        """Wait until the hub is at `position` or beyond, at most two polls; whether it is."""
        deadline = time.monotonic() + 2 * conf.DISPATCH_POLL
        while not self.is_at(position):
            wakes.ring(wakes.HUBS)
            self._advanced.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._advanced.wait()
            except TimeoutError:
                return False
        return True

    def is_at(self, position: Cursor) -> bool:
        """At `position` or beyond."""
        return self.position.epoch == position.epoch and self.position.seq >= position.seq

    def join(self, grant: Grant, stream: Stream) -> None:
        """From here on `stream` gets what comes after `position`; one that has ended meanwhile does not join."""
        if self.draining or not self.is_at(grant.position):  # or another life began since: who is this, there?
            stream.shutdown()
        if stream.ended:
            return
        subscriber = self.registry.subscribers.get(grant.person_pk)
        if subscriber is None:
            subscriber = self.registry.enter(grant)
            self.counts.welcome()
        else:
            self.access.regrant(subscriber, grant)
            self.access.forget(subscriber.pk)  # the grant may be older than what was acted upon
        self._make_room(subscriber, stream)
        self.registry.add(subscriber, stream)
        stream.quiet_since = time.monotonic()
        if subscriber.counted_to >= 0:
            stream.write(frames.counts(subscriber.unread))
        if self._transport_switch.welcome(subscriber, stream):
            wakes.ring(wakes.HUBS)
        metrics.OPEN_STREAMS.labels(stream.lane).inc()

    def _make_room(self, subscriber: Subscriber, new: Stream) -> None:
        for stream in subscriber.streams:
            if new.browser and stream.browser == new.browser:
                stream.end("replaced")
        open_ones = [stream for stream in subscriber.streams if not stream.ended]
        for stream in open_ones[: max(0, len(open_ones) + 1 - conf.STREAMS_PER_PERSON)]:
            stream.end("limit", after_ms=60_000)

    def leave(self, stream: Stream) -> None:
        """`stream` is gone."""
        subscriber = self.registry.remove(stream)
        if subscriber is None:
            return
        metrics.OPEN_STREAMS.labels(stream.lane).dec()
        if not subscriber.streams:
            self.access.forget(subscriber.pk)

    def drain(self) -> None:
        """Send everybody away for good, to come back, elsewhere, at moments spread over two seconds or more."""
        self.draining = True
        streams = self.registry.streams()
        spread_ms = max(DRAIN_SPREAD_MS, 1_000 * len(streams) // _RETURNS_A_SECOND)
        for place, stream in enumerate(streams):
            stream.end("drain", after_ms=spread_ms * place // len(streams))
