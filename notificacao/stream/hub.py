"""Feed all streams of this process: tail the log, encode each row once, and write it to the streams that may have it.

Everything here runs on the event loop, without an `await` between reading the hub's state and changing it; queries run
on threads of the hub's own. Wakes make it fast; the poll makes it true.
"""

import asyncio
import time
from typing import Any

import structlog

from notificacao import doorbells, eventlog, metrics, stamped, tracing, wakes
from notificacao.conf import conf
from notificacao.database import DatabaseThread, is_away
from notificacao.eventlog import Cursor
from notificacao.outages import Repeats
from notificacao.rounds import Rounds
from notificacao.stream import frames, tail, written
from notificacao.stream.access_refresh import AccessRefresh
from notificacao.stream.authorisation import Grant
from notificacao.stream.fanout import Fanout
from notificacao.stream.heartbeat import Heartbeat
from notificacao.stream.lead_watch import LeadWatch
from notificacao.stream.presence_reporter import PresenceReporter
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.replay_cache import ReplayCache
from notificacao.stream.standby import PATIENCE, StandbyLane
from notificacao.stream.subscribers import DRAIN_SPREAD_MS, Lane, Stream, Subscriber
from notificacao.stream.transport_switch import TransportSwitch
from notificacao.stream.unread_counts import UnreadCounts
from notificacao.stream.withheld import WithheldRows

logger = structlog.get_logger(__name__)

TICK = 1.0  # seconds: heads and counts are written at most this often
JOIN = 0.005  # seconds between two looks at the log: what comes meanwhile is written in one piece
KNOWN_FOR = 0.05  # seconds for which the rollout is not read again while rows come
_BEHIND = 5 * tail.BATCH  # rows behind the log's head that are worth a line in the log
_PIECE_BYTES = 65_536  # bytes that are written to one stream before the loop may send them
_AFTER_A_FAULT = 0.5  # seconds until a task that failed is tried again
_RETURNS_A_SECOND = 4_000  # pages that come back after a drain
_OPEN = {lane: metrics.OPEN_STREAMS.labels(lane) for lane in Lane}


class Hub:
    """Hold the streams of this process, and the position in the log up to which they were fed."""

    def __init__(self) -> None:
        self.position = Cursor("", 0)
        self.registry = SubscriberRegistry()
        self.draining = False
        self._last_change = -1  # the number of the last change that was read; -1: none yet
        self._aside_thread = DatabaseThread("hub-aside")  # for queries that rows must not wait for
        self._access_thread = DatabaseThread("hub-access")  # and those that access must not wait for either
        self.replay_cache = ReplayCache()
        withheld = WithheldRows(self.registry, self.replay_cache, self._access_thread, lambda: self.position)
        self.access = AccessRefresh(self.registry, self._access_thread, withheld)
        self.counts = UnreadCounts(self.registry, self._aside_thread)
        self.presence = PresenceReporter(self.registry, self._aside_thread)
        self._lead_watch = LeadWatch(self._aside_thread)
        self._heartbeat = Heartbeat(self.registry, lambda: self.position)
        self._standby = StandbyLane()
        self._transport_switch = TransportSwitch(self.registry)
        self.rounds = Rounds()  # of looks at the log
        self._is_behind = False
        self._faults = Repeats()
        self._known_until = 0.0
        self._owes_rollout = False  # whether a wake may have told of it that was answered without it
        self._looked_at = 0.0  # when the last look at the log began, and by when the next one has to (monotonic)
        self._look_by = 0.0
        self._tail_thread = DatabaseThread("hub")
        self._advanced = asyncio.Event()

    async def run(self) -> None:
        """Run all tasks of the hub until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (
                    self._tail,
                    self._tick,
                    self._recount,
                    self._sweep,
                    self.access.work_off,
                    self.counts.count_newcomers,
                    self.presence.report,
                    self._lead_watch.watch,
                ):
                    tasks.create_task(self._forever(work), name=f"hub {work.__name__}")
        finally:
            self._tail_thread.close()
            self._aside_thread.close()
            self._access_thread.close()

    async def _forever(self, work) -> None:
        """Repeat `work`, also after a fault: while the database is away the streams stay open."""
        while True:
            try:
                await work()
            except Exception as error:
                if not is_away(error) and (times := self._faults.due(work.__name__, type(error).__name__)):
                    logger.exception("hub_fault", task=work.__name__, error=str(error), times=times)
                await asyncio.sleep(_AFTER_A_FAULT)

    async def _tick(self) -> None:
        """Write what streams are told once a second. It asks the database nothing, so heartbeats go on without one."""
        await asyncio.sleep(TICK)
        self.access.look_at_ended_logins()
        await self._heartbeat.beat()
        self._transport_switch.tell_next()

    async def _recount(self) -> None:
        """Count again, once a second, where a subscriber is marked for it."""
        await asyncio.sleep(TICK)
        await self.counts.count_again()

    async def _sweep(self) -> None:
        """Authorise whose turn it is, and have everybody counted again where retention trimmed the log meanwhile."""
        await self.access.sweep()
        self.counts.mark_trimmed()

    # --- Tailing the log

    async def _tail(self) -> None:
        """Read what is new in the log and apply it, at each wake of which more is to be known, and at each poll."""
        doorbell = doorbells.Doorbell(wakes.HUBS)
        self._look_by = 0.0  # nothing rang before
        try:
            if not self.position.epoch:
                head = await self._tail_thread.run(eventlog.head)
                self.position, self._last_change = Cursor.of(head), head.changes
            while True:
                told = doorbell.taken()
                if told is None or time.monotonic() >= self._look_by or not self._passes_over(told):
                    await doorbell.gather(self._looked_at + JOIN - time.monotonic())
                    await self._look(of_rows_alone=None not in (told, doorbell.taken()))
                await doorbell.wait(self._look_by - time.monotonic())
        finally:
            doorbell.close()

    async def _look(self, *, of_rows_alone: bool) -> None:
        """Read what is new in the log and apply it; `of_rows_alone`: what rang told of rows, and of nothing else."""
        self._looked_at = began = time.monotonic()
        known = self._transport_switch.rollout if began < self._known_until else None
        self._owes_rollout = known is not None and (self._owes_rollout or not of_rows_alone)
        news = await self._tail_thread.run(tail.read, self.position, self._standby.unsettled, self._last_change, known)
        if known is None:
            self._known_until = began + KNOWN_FOR
        self._tell_lag(news.head - self.position.seq)
        await self._apply(news)
        self._tell_lag(news.head - self.position.seq)
        self.rounds.succeeded()
        self._look_by = 0.0 if news.more else time.monotonic() + self._until_next_look()

    def _passes_over(self, told: list[bytes]) -> bool:
        """Move beyond rows that nobody here may have, as the stamper told of them.

        Return False where the log has to be asked: somebody may have one, this is not where they begin, or somebody's
        access changed before and that is not known here. While rows are withheld from anybody each may be theirs.
        """
        if told and self.registry.withheld:
            return False
        for sealed in told:
            opened = stamped.opened(sealed)
            if opened is None:
                return False
            rows, changes = opened
            if self.is_at(rows.up_to):
                continue
            if rows.after != self.position or changes > self._last_change:
                return False
            if any(map(self.registry.subscribers_of, rows.channels)):
                return False
            self.replay_cache.pass_over(rows.after, rows.channels)
            self.position = rows.up_to
            self._advanced.set()
        return True

    def _tell_lag(self, rows: int) -> None:
        """Show how many rows the log's head is ahead, and log where a long lag begins and where it is over."""
        metrics.HUB_LAG_ROWS.set(max(0, rows))
        if rows > _BEHIND and not self._is_behind:
            logger.warning("hub_behind", rows=rows)
            self._is_behind = True
        elif rows <= 0 and self._is_behind:
            logger.info("hub_caught_up", position=str(self.position))
            self._is_behind = False

    def _until_next_look(self) -> float:
        """Return the seconds to wait for a wake.

        A wake that was answered with rows alone may have told of the rollout too: it is read as soon as KNOWN_FOR is
        over.
        """
        if self._owes_rollout:
            return max(0.0, self._known_until - time.monotonic())
        return min(conf.DISPATCH_POLL, PATIENCE / 4) if self._standby.unsettled else conf.DISPATCH_POLL

    async def _apply(self, news: tail.News) -> None:
        """Write what is new to the streams, and move to its position."""
        self.access.note(news.changes, complete=news.changes_complete)
        metrics.BREAKER.state(news.rollout.breaker)
        self._transport_switch.update(news.rollout)
        if news.epoch_changed:
            await self._begin_new_epoch(news.position)
        else:
            self.replay_cache.add(self.position, news.rows, news.trimmed_to)
            await self._write_live(news.rows)
            self.position = news.position
        self.counts.trimmed_to = news.trimmed_to
        self._write_standby(news)
        self._last_change = news.last_change
        self._advanced.set()

    async def _write_live(self, rows: list[Any]) -> None:
        """Write the rows to the live lane, in pieces, and leave them with the standby lane."""
        epoch, began = self.position.epoch, time.time_ns()
        traced: list[tuple[str, int, int]] = []
        fanout = Fanout(self.registry.subscribers_of)
        for row in rows:
            assert row.seq is not None
            self._heartbeat.head_moved(row.channel, row.seq)
            subscribers = self.registry.subscribers_of(row.channel)
            if not subscribers or row.expired:
                continue
            if row.traceparent:
                traced.append((row.traceparent, row.seq, len(subscribers)))
            line = fanout.add(row, epoch)
            if any(subscriber.in_standby for subscriber in subscribers):
                self._standby.add(row, line, time.monotonic())
            if fanout.size >= _PIECE_BYTES:
                fanout.write()
                self.position = eventlog.place_of(row, epoch)
                await asyncio.sleep(0)
        fanout.write()
        for traceparent, seq, count in traced:
            tracing.note("stream", traceparent, began, seq=seq, subscribers=count)

    def _write_standby(self, news: tail.News) -> None:
        """Write to the standby lane the rows that are due there."""
        states = news.settled | {row.seq: row.dispatch_state for row in news.rows if row.seq is not None}
        pages = self.registry.in_standby
        began = time.time_ns()
        for owed in self._standby.due(states, news.rollout, time.monotonic(), pages=pages):
            subscribers = self.registry.subscribers_of(owed.channel)
            theirs = (one for one in subscribers if one.may_see(owed.channel, owed.seq))
            written.note(owed.frame, sum(one.put(owed.frame, Lane.STANDBY) for one in theirs))
            tracing.note("standby", owed.traceparent, began, seq=owed.seq, subscribers=len(subscribers))

    async def _begin_new_epoch(self, position: Cursor) -> None:
        """Begin at `position` of a log that was set back, trimmed, or given another epoch.

        Access is authorised anew before anything is sent: the restored database may permit less.
        """
        logger.warning("log_epoch_changed", before=str(self.position), now=str(position))
        await self.access.authorise(self.registry.subscribers)
        reason = eventlog.why_resync(position, self.position)
        self.position = position
        self._standby.clear()
        self.replay_cache.restart(position)
        self._heartbeat.forget_heads()
        told = sum(subscriber.put(frames.resync(position)) for subscriber in self.registry.subscribers.values())
        written.note(frames.resync(position), told)
        metrics.RESYNCS.labels(reason).inc(told)
        self.counts.mark_all()

    # --- Joining and leaving

    async def reached(self, position: Cursor) -> bool:
        """Wait, at most two polls, until the hub is at `position` or beyond; return whether it is."""
        deadline = time.monotonic() + 2 * conf.DISPATCH_POLL
        while not self.is_at(position):
            doorbells.ring(wakes.HUBS)
            self._advanced.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._advanced.wait()
            except TimeoutError:
                return False
        return True

    def is_at(self, position: Cursor) -> bool:
        """Tell whether the hub is at `position` or beyond, in the same epoch."""
        return self.position.epoch == position.epoch and self.position.seq >= position.seq

    def join(self, grant: Grant, stream: Stream, mark: int) -> None:
        """Feed `stream` with what comes after the hub's position; a stream that has ended meanwhile does not join.

        `mark` is what `access.mark` was before `grant` was asked for. A stream that is replaying counts, and ends with
        its access, like any other, but is fed only once it has caught up.
        """
        if self.draining or not self.is_at(grant.position):  # or the grant is of an epoch that is over
            stream.shutdown()
        if stream.ended:
            return
        subscriber = self.registry.subscribers.get(grant.person_pk)
        if subscriber is None:
            subscriber = self.registry.add_subscriber(grant)
            self.counts.welcome(subscriber)
        else:
            self.access.regrant(subscriber, grant)
        self._make_room(subscriber, stream)
        self.registry.add_stream(subscriber, stream)
        subscriber.authorised_at = subscriber.authorised_at or time.monotonic()
        if self.access.changed_since(mark, subscriber.pk):
            self.access.withhold([subscriber.pk])
        _OPEN[stream.lane].inc()
        metrics.PERSON_STREAMS.observe(len(subscriber.streams))
        if not stream.replaying:
            self.feed(stream)

    def feed(self, stream: Stream, beginning: bytes = b"") -> None:
        """Write `beginning` to `stream`, which has joined and has all rows up to the hub's position, and feed it.

        Without effect where it has left meanwhile.
        """
        if stream.subscriber is None:
            return
        stream.replaying = False
        stream.fed_to = self.position.seq
        if beginning:
            stream.write(beginning)
        stream.quiet_since = time.monotonic()
        if stream.subscriber.counted_to >= 0:
            stream.write(frames.counts(stream.subscriber.unread))
        if self._transport_switch.note_join(stream.subscriber, stream):
            doorbells.ring(wakes.HUBS)

    def _make_room(self, subscriber: Subscriber, new: Stream) -> None:
        """End the streams that `new` replaces: those of the same browser, and the oldest beyond STREAMS_PER_PERSON."""
        for stream in subscriber.streams:
            if new.browser and stream.browser == new.browser:
                stream.end("replaced")
        open_ones = [stream for stream in subscriber.streams if not stream.ended]
        for stream in open_ones[: max(0, len(open_ones) + 1 - conf.STREAMS_PER_PERSON)]:
            stream.end("limit", after_ms=60_000)

    def leave(self, stream: Stream) -> None:
        """Forget `stream`, whose connection is gone; without effect where it never joined."""
        subscriber = self.registry.remove_stream(stream)
        if subscriber is None:
            return
        _OPEN[stream.lane].dec()

    def drain(self) -> None:
        """Send every stream away for good: no stream joins from here on.

        The pages come back elsewhere, at moments spread over DRAIN_SPREAD_MS or more: at most _RETURNS_A_SECOND of them
        a second.
        """
        self.draining = True
        streams = self.registry.streams()
        spread_ms = max(DRAIN_SPREAD_MS, 1_000 * len(streams) // _RETURNS_A_SECOND)
        for place, stream in enumerate(streams):
            stream.end("drain", after_ms=spread_ms * place // len(streams))
