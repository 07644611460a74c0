"""The hub: one per process. It tails the log, encodes each row once, and writes it to the streams that may have it.

Everything here runs on the event loop, without an `await` between reading the hub's state and changing it; what the
database is asked runs on the hub's own thread. Wakes make it fast; the poll makes it true.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable

import structlog
from django.utils import timezone

from notificacao import log, metrics, wakes, wire
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.log import Cursor
from notificacao.models import Notification
from notificacao.rollout import Rollout
from notificacao.stream import authorisation, frames, tail
from notificacao.stream.authorisation import Grant
from notificacao.stream.listeners import Lane, Listener, Stream
from notificacao.stream.standby import PATIENCE, StandbyLane

logger = structlog.get_logger(__name__)

TICK = 1.0  # seconds: heads and counts at most this often
SWEEP = 30.0  # seconds: everybody is authorised again at least this often
_SWEEP_BATCH = 500
_AFTER_A_FAULT = 0.5  # seconds


class Hub:
    """The streams of this process and the position in the log up to which they were fed."""

    def __init__(self) -> None:
        self.position = Cursor("", 0)
        self.listeners: dict[int, Listener] = {}
        self._by_channel: dict[str, set[Listener]] = defaultdict(set)
        self._standby = StandbyLane()
        self._rollout: Rollout | None = None
        self._moved_heads: dict[str, int] = {}
        self._trimmed_to = self._counted_from = 0  # seq up to which retention took the log; counts know the second
        self._seen: dict[int, tuple] = {}  # pk → (access, reading) changed at, as last acted upon
        self._thread = DatabaseThread("hub")
        self._advanced = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._tail, self._tick, self._sweep):
                    tasks.create_task(self._forever(work), name=f"hub{work.__name__}")
        finally:
            self._thread.close()

    async def _forever(self, work) -> None:
        """While the database is away the streams stay open; when it is back, all goes on."""
        while True:
            try:
                await work()
            except Exception as error:
                logger.exception("hub_fault", task=work.__name__, error=str(error))
                await asyncio.sleep(_AFTER_A_FAULT)

    # --- Tailing the log

    async def _tail(self) -> None:
        doorbell = wakes.Doorbell(wakes.HUBS)
        try:
            if not self.position.epoch:
                self.position = await self._thread.run(log.position)
            while True:
                news = await self._thread.run(tail.read, self.position, self._standby.unsettled, set(self.listeners))
                await self._take(news)
                if not news.more:
                    await doorbell.wait(self._until_next_poll())
        finally:
            doorbell.close()

    def _until_next_poll(self) -> float:
        return min(conf.DISPATCH_POLL, PATIENCE / 4) if self._standby.unsettled else conf.DISPATCH_POLL

    async def _take(self, news: tail.News) -> None:
        changed_access = self._note_changes(news.people)
        self._follow_rollout(news.rollout)
        if news.another_life:
            await self._begin_another_life(news.position)
        else:
            for row in news.rows:
                self._spread(row)
            self.position = news.position
        self._trimmed_to = news.trimmed_to
        self._write_standby(news)
        self._advanced.set()
        if changed_access:
            await self._authorise_again(changed_access)

    def _spread(self, row: Notification) -> None:
        """Write `row` to the live lane, and leave it with the standby lane."""
        assert row.seq is not None
        self._moved_heads[row.channel] = row.seq
        listeners = self._by_channel.get(row.channel)
        if not listeners or (row.expires_at is not None and row.expires_at <= timezone.now()):
            return
        line = wire.encode(row)
        frame = frames.notification(line, Cursor(self.position.epoch, row.seq))
        one_row_event = row.event_id == row.public_id
        anybody_in_standby = False
        for listener in listeners:
            if listener.may_see(row.channel, row.seq):
                listener.count(row.seq, one_row_event)
                for stream in listener.streams:
                    if stream.lane is Lane.LIVE:
                        stream.write(frame)
                    else:
                        anybody_in_standby = True
        if anybody_in_standby:
            self._standby.see(row, line, time.monotonic())

    def _write_standby(self, news: tail.News) -> None:
        states = news.settled | {row.seq: row.dispatch_state for row in news.rows if row.seq is not None}
        for owed in self._standby.due(states, news.rollout, time.monotonic()):
            for listener in self._by_channel.get(owed.channel, ()):
                if listener.may_see(owed.channel, owed.seq):
                    listener.write(owed.frame, Lane.STANDBY)

    async def _begin_another_life(self, position: Cursor) -> None:
        """The log was set back, or given another epoch: who may hear what is asked anew before anything is sent."""
        logger.warning("log_begins_another_life", before=str(self.position), now=str(position))
        await self._authorise_everybody()
        self.position = position
        self._standby.clear()
        self._moved_heads.clear()
        for listener in self.listeners.values():
            listener.write(frames.resync(position))
            listener.count_again = True

    # --- Who may hear what

    def _note_changes(self, people: dict[int, tuple]) -> list[int]:
        """Whose access changed since it was last looked at; whose reading did will be counted again."""
        access_changed = []
        for pk, (access, reading) in people.items():
            seen = self._seen.get(pk, (None, None))
            if seen[0] != access:
                access_changed.append(pk)
            if seen[1] != reading and pk in self.listeners:
                self.listeners[pk].count_again = True
            self._seen[pk] = (access, reading)
        return access_changed

    async def _authorise_again(self, pks: Iterable[int]) -> None:
        held = {pk: self.listeners[pk] for pk in pks if pk in self.listeners}
        asked = {stream.session_key for listener in held.values() for stream in listener.streams}
        try:
            alive = await self._thread.run(authorisation.people_of, asked)
            grants = await self._thread.run(authorisation.grants_of, list(held))
        except Exception:
            for pk in held:
                self._seen.pop(pk, None)
            raise
        for pk, listener in held.items():
            for stream in listener.streams:  # who joined meanwhile was authorised on the way in
                if stream.session_key in asked and (pk not in grants or stream.session_key not in alive):
                    stream.end("signed_out")
            if pk in grants:
                self._regrant(listener, grants[pk])

    def _regrant(self, listener: Listener, grant: Grant) -> None:
        """Give `listener` what `grant` says; tell the browser when the set of channels, or a key on Ably, changed."""
        before, key_epochs = listener.grant.channels, listener.grant.key_epochs
        if self.listeners.get(listener.pk) is not listener:
            return
        if grant.channels == before:
            if grant.assigned and grant.key_epochs != key_epochs:
                listener.grant = grant
                listener.write(frames.session())
            return
        self._forget(listener, before.keys() - grant.channels.keys())
        for name in grant.channels:
            self._by_channel[name].add(listener)
        listener.grant = grant
        listener.count_again = True
        listener.write(frames.heads(grant.position, grant.heads))
        listener.write(frames.session())

    async def _sweep(self) -> None:
        """Bulk changes send no signal: find them. What retention took counts no longer."""
        await asyncio.sleep(SWEEP)
        await self._authorise_everybody()
        if self._counted_from != self._trimmed_to:
            self._counted_from = self._trimmed_to
            for listener in self.listeners.values():
                listener.count_again = True

    async def _authorise_everybody(self) -> None:
        pks = list(self.listeners)
        for start in range(0, len(pks), _SWEEP_BATCH):
            await self._authorise_again(pks[start : start + _SWEEP_BATCH])

    def _follow_rollout(self, now: Rollout) -> None:
        metrics.BREAKER.state(now.breaker)
        changed = self._rollout is None or now.key != self._rollout.key
        self._rollout = now
        if changed:
            for listener in self.listeners.values():
                for stream in listener.streams:
                    self._tell_transport(listener, stream)

    def _tell_transport(self, listener: Listener, stream: Stream) -> None:
        """Have the page fetch its session when it should change; an outage of Ably moves nobody out of standby."""
        if self._rollout is None:
            return
        if stream.lane is Lane.STANDBY:
            should = "ably" if self._rollout.assigned(listener.pk) else "sse"
            news = should == "sse"
        else:
            should = self._rollout.transport_for(listener.pk)
            news = should == "ably"
        if news and stream.told != should:
            stream.write(frames.session())
        stream.told = should

    # --- Once a second

    async def _tick(self) -> None:
        await asyncio.sleep(TICK)
        await self._count_again()
        for listener in self.listeners.values():
            if listener.unread != listener.count_told:
                listener.count_told = listener.unread
                listener.write(frames.counts(listener.unread))
        self._write_heads()
        self._beat()

    async def _count_again(self) -> None:
        """Ask the database for the unread counts that cannot be known by adding."""
        again = [listener for listener in self.listeners.values() if listener.count_again]
        if not again:
            return
        for listener in again:
            listener.begin_count()
        try:
            grants = await self._thread.run(authorisation.grants_of, [listener.pk for listener in again])
        except Exception:
            for listener in again:
                listener.count_again = True
            raise
        for listener in again:
            if listener.pk in grants:
                listener.end_count(grants[listener.pk])

    def _write_heads(self) -> None:
        moved, self._moved_heads = self._moved_heads, {}
        for listener in self._who_hears(moved):
            news = {name: head for name, head in moved.items() if name in listener.grant.channels}
            listener.write(frames.heads(self.position, news), Lane.STANDBY)

    def _who_hears(self, channels: Iterable[str]) -> set[Listener]:
        return {listener for name in channels for listener in self._by_channel.get(name, ())}

    def _beat(self) -> None:
        now = time.monotonic()
        beat = {Lane.LIVE: frames.heartbeat(self.position), Lane.STANDBY: frames.COMMENT}
        for listener in self.listeners.values():
            for stream in listener.streams:
                if now - stream.quiet_since >= conf.STREAM_HEARTBEAT:
                    stream.quiet_since = now
                    stream.write(beat[stream.lane])

    # --- Joining and leaving

    async def reached(self, position: Cursor) -> bool:
        """Wait until the hub is at `position` or beyond, at most two polls; whether it is."""
        deadline = time.monotonic() + 2 * conf.DISPATCH_POLL
        while not self._is_at(position):
            wakes.wake(wakes.HUBS)
            self._advanced.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._advanced.wait()
            except TimeoutError:
                return False
        return True

    def _is_at(self, position: Cursor) -> bool:
        return self.position.epoch == position.epoch and self.position.seq >= position.seq

    def join(self, grant: Grant, stream: Stream) -> None:
        """From here on `stream` gets what comes after `position`."""
        if not self._is_at(grant.position):  # another life of the log began since: who is this, there?
            stream.end("drain")
            return
        listener = self.listeners.get(grant.person_pk)
        if listener is None:
            listener = self.listeners[grant.person_pk] = Listener(grant, grant.unread)
            listener.counted_to = grant.position.seq
            listener.count_again = grant.position != self.position
            for name in grant.channels:
                self._by_channel[name].add(listener)
        else:
            self._regrant(listener, grant)
            self._seen.pop(listener.pk, None)  # the grant may be older than what was acted upon: look again
        self._make_room(listener, stream)
        listener.streams.append(stream)
        stream.told = grant.transport
        stream.quiet_since = time.monotonic()
        stream.write(frames.counts(listener.unread))
        self._tell_transport(listener, stream)
        metrics.OPEN_STREAMS.labels(stream.lane).inc()

    def _make_room(self, listener: Listener, new: Stream) -> None:
        for stream in listener.streams:
            if new.browser and stream.browser == new.browser:
                stream.end("replaced")
        open_ones = [stream for stream in listener.streams if not stream.ended]
        for stream in open_ones[: max(0, len(open_ones) + 1 - conf.STREAMS_PER_PERSON)]:
            stream.end("limit", after_ms=60_000)

    def leave(self, grant: Grant, stream: Stream) -> None:
        """`stream` is gone."""
        listener = self.listeners.get(grant.person_pk)
        if listener is None or stream not in listener.streams:
            return
        listener.streams.remove(stream)
        metrics.OPEN_STREAMS.labels(stream.lane).dec()
        if not listener.streams:
            del self.listeners[listener.pk]
            self._seen.pop(listener.pk, None)
            self._forget(listener, listener.grant.channels)

    def _forget(self, listener: Listener, channels: Iterable[str]) -> None:
        for name in channels:
            self._by_channel[name].discard(listener)
            if not self._by_channel[name]:
                del self._by_channel[name]

    def drain(self) -> None:
        """Send everybody away, to come back at moments spread over two seconds."""
        streams = [stream for listener in self.listeners.values() for stream in listener.streams]
        for place, stream in enumerate(streams):
            stream.end("drain", after_ms=2_000 * place // len(streams))
