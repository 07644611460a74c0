"""Answer `GET /api/v1/stream/` as a bare ASGI application: no middleware runs, and no database connection is held."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, InterfaceError

from notificacao import eventlog, metrics, wire
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.eventlog import Cursor, ResyncNeeded
from notificacao.outages import Repeats
from notificacao.stream import frames, written
from notificacao.stream.asgi_stream import SLOW_AFTER_MS, AsgiStream
from notificacao.stream.authorisation import Grant, StreamAuthoriser
from notificacao.stream.hub import Hub
from notificacao.stream.limits import Limits
from notificacao.stream.rejections import RejectionRecorder
from notificacao.stream.replay_cache import ReplayPage
from notificacao.stream.request import (
    FORBIDDEN_LANE,
    NOT_LOGGED_IN,
    NOT_READY,
    StreamRejected,
    StreamRequest,
    security_headers,
)
from notificacao.stream.socket_stream import EXTENSION, SocketStream
from notificacao.stream.subscribers import Lane, Stream

logger = structlog.get_logger(__name__)

_PAGE = 500  # rows of a replay in one read
_PIECE = 32_768  # bytes of it in one write: what was written cannot be taken back where access ends meanwhile
_REPLAYED_WITHIN = 120.0  # seconds; whoever reads more slowly goes on from there with another stream
_ASK_AGAIN = 1.0  # seconds of replay after which access is looked at again before the stream is fed
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class Admitted:
    """Hold a grant, the monotonic time at which its login ends, and time and `access.mark` from before it was read."""

    grant: Grant
    login_ends_at: float
    asked_at: float
    mark: int


class StreamApplication:
    """Authorise each request, replay what it missed, and join the hub, which feeds the stream until a side ends it."""

    def __init__(self, hub: Hub):
        self._hub = hub
        self._limits = Limits()
        self._authoriser = StreamAuthoriser()
        self._replaying = DatabaseThread("replay")
        self._rejected = RejectionRecorder()
        self._unauthorised = Repeats()
        self._lost = self._gone  # one method object for all streams
        self._headers = [*_HEADERS, *security_headers()]

    def close(self) -> None:
        """Stop the threads of this application; queries that run go on to their end."""
        self._authoriser.close()
        self._replaying.close()
        self._rejected.close()
        self._limits.close()

    async def __call__(self, scope, receive, send) -> None:
        """Serve one ASGI request: a stream, or a rejection as problem details."""
        try:
            request = StreamRequest.of(scope)
            admitted = await self._admit(request)
        except StreamRejected as rejected:
            rejection = rejected.rejection
            self._rejected.note(rejected, scope)
            await send({"type": "http.response.start", "status": rejection.status, "headers": rejection.headers()})
            await send({"type": "http.response.body", "body": rejection.body()})
            return
        take_over = (scope.get("extensions") or {}).get(EXTENSION)
        if take_over is None:
            await self._serve(request, admitted, receive, send)
        else:
            await self._hand_over(request, admitted, take_over)

    async def _serve(self, request: StreamRequest, admitted: Admitted, receive, send) -> None:
        """Serve the stream under any ASGI server: this task lives as long as the stream."""
        stream = AsgiStream(request.lane, request.session_key, request.browser, limit=conf.STREAM_BUFFER, send=send)
        _describe(stream, request, admitted)
        watch = asyncio.create_task(_until_gone(receive, stream))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await stream.send(_beginning(admitted.grant))
            await self._replay_and_join(request, admitted, stream)
            await stream.pump()
        except OSError:
            pass  # the other side hung up
        finally:
            watch.cancel()
            self._gone(stream)

    async def _hand_over(self, request: StreamRequest, admitted: Admitted, take_over) -> None:
        """Serve the stream under a server that gives its connection away: this task ends once the stream has joined."""
        stream = SocketStream(
            request.lane, request.session_key, request.browser, limit=conf.STREAM_BUFFER, lost=self._lost
        )
        _describe(stream, request, admitted)
        try:
            take_over(stream, self._headers, beginning := _beginning(admitted.grant))
            written.note_beginning(beginning)
        except OSError:
            self._limits.give_back(request.address)
            return
        try:
            await self._replay_and_join(request, admitted, stream)
        except OSError:
            pass  # the other side hung up, or the stream was ended
        except BaseException:
            stream.abort()
            raise

    def _gone(self, stream: Stream) -> None:
        """Give back the place of a `stream` whose connection is gone, and take it out of the hub."""
        self._limits.give_back(stream.address)
        self._hub.leave(stream)

    async def _admit(self, request: StreamRequest) -> Admitted:
        """Take a place, and return what the person may receive. Raises StreamRejected, and holds no place then."""
        if self._hub.draining:
            raise StreamRejected(NOT_READY)
        self._limits.take_place(request.address)
        try:
            return await self._authorise(request)
        except BaseException:
            self._limits.give_back(request.address)
            raise

    async def _authorise(self, request: StreamRequest) -> Admitted:
        """Return what the person of the request's session may receive, once the hub is there. Raises StreamRejected."""
        admitted = await self._ask(request.session_key)
        grant = admitted.grant
        if request.lane is Lane.STANDBY and not grant.assigned:
            raise StreamRejected(FORBIDDEN_LANE, grant.person_pk)
        await self._limits.note_opening(grant.person_pk)
        if not await self._hub.reached(grant.position):
            raise StreamRejected(NOT_READY)
        return admitted

    async def _ask(self, session_key: str) -> Admitted:
        """Return what the person of that session may receive now. Raises StreamRejected."""
        asked_at, mark = time.monotonic(), self._hub.access.mark
        try:
            found = await self._authoriser.grant(session_key)
        except (DatabaseError, InterfaceError):
            if times := self._unauthorised.due("stream_not_authorised"):
                logger.exception("stream_not_authorised", times=times)
            raise StreamRejected(NOT_READY) from None
        if found is None:
            raise StreamRejected(NOT_LOGGED_IN)
        grant, left = found
        return Admitted(grant, time.monotonic() + left, asked_at, mark)

    async def _replay_and_join(self, request: StreamRequest, admitted: Admitted, stream: Stream) -> None:
        """Join, and replay what lies after the cursor, in the live lane alone; then be fed, with no `await` in between.

        Raises OSError where the client is gone.
        """
        grant = admitted.grant
        stream.replaying = request.lane is Lane.LIVE
        joined_at = self._hub.position
        self._hub.join(grant, stream, admitted.mark)
        if stream.replaying:
            await self._catch_up(request, admitted, stream)
        elif joined_at != grant.position:  # the heads tell what came meanwhile
            stream.write(frames.heads(joined_at, await self._replaying.run(eventlog.heads, grant.channels)))

    async def _catch_up(self, request: StreamRequest, admitted: Admitted, stream: Stream) -> None:
        """Replay within _REPLAYED_WITHIN, then have the stream fed. Raises OSError where the client is gone."""
        cursor = request.cursor or admitted.grant.position
        if cursor == self._hub.position and not self._may_have_changed(admitted, stream, last=True):
            metrics.REPLAY_ROWS.observe(0)  # nearly all who come back after a drop have missed nothing
            self._hub.feed(stream)
            return
        too_late = asyncio.get_running_loop().call_later(_REPLAYED_WITHIN, stream.end, "slow", SLOW_AFTER_MS)
        try:
            await self._replay(cursor, admitted, stream)
            self._hub.feed(stream)
        except ResyncNeeded as resync:
            metrics.RESYNCS.labels(resync.reason).inc()
            await self._hub.reached(resync.position)
            self._hub.feed(stream, frames.resync(self._hub.position))
        except StreamRejected as rejected:
            if rejected.rejection is NOT_LOGGED_IN:
                stream.end("signed_out")
            else:
                stream.shutdown()
        finally:
            too_late.cancel()

    async def _replay(self, cursor: Cursor, admitted: Admitted, stream: Stream) -> None:
        """Send what lies after `cursor`, page by page at the socket's own pace, up to where the hub is by then.

        Nothing is buffered meanwhile: the log holds it. Raises ResyncNeeded, and StreamRejected once access has ended.
        """
        replayed = 0
        try:
            while not stream.ended:
                admitted = await self._still_admitted(admitted, stream, last=cursor == self._hub.position)
                if cursor == self._hub.position or stream.ended:
                    return
                grant = admitted.grant
                missed = self._read_recent(cursor, grant) or await self._read_log(cursor, grant)
                if replayed + len(missed.frames) > conf.REPLAY_LIMIT:
                    raise ResyncNeeded(self._hub.position, "too_long")
                for piece in _pieces(missed.frames):
                    admitted = await self._still_admitted(admitted, stream)
                    if stream.ended:
                        return
                    await stream.send(piece)
                replayed += len(missed.frames)
                cursor = missed.complete_to
        finally:
            metrics.REPLAY_ROWS.observe(replayed)

    async def _still_admitted(self, admitted: Admitted, stream: Stream, *, last: bool = False) -> Admitted:
        """Return `admitted`, or a newer one where access changed, or before the `last` step of a long replay.

        Where the channels are others the stream ends: its page comes back, and goes on from its cursor with what it may
        have by then. Raises StreamRejected.
        """
        while not stream.ended and self._may_have_changed(admitted, stream, last):
            now = await self._ask(stream.session_key)
            stream.login_ends_at = now.login_ends_at
            if now.grant.channels != admitted.grant.channels or (last and _was_moved(stream, now)):
                stream.shutdown()
            admitted = now
        return admitted

    def _may_have_changed(self, admitted: Admitted, stream: Stream, last: bool) -> bool:
        if last:  # what changes from here on is told to the stream
            return time.monotonic() - admitted.asked_at > _ASK_AGAIN or _was_moved(stream, admitted)
        return self._hub.access.changed_since(admitted.mark, admitted.grant.person_pk)

    def _read_recent(self, cursor: Cursor, grant: Grant) -> ReplayPage | None:
        """Return the next page from the hub's cache; None where the log has to be asked."""
        if cursor.seq < grant.trimmed_to:  # the hub may not have read of the trim yet
            return None
        return self._hub.replay_cache.read_after(cursor, grant.channels, _PAGE, self._hub.position)

    async def _read_log(self, cursor: Cursor, grant: Grant) -> ReplayPage:
        """Return the next page from the log. Raises ResyncNeeded."""
        if not self._hub.is_at(cursor):
            await self._replaying.run(eventlog.check, cursor)
            await self._hub.reached(cursor)
        page = await self._replaying.run(eventlog.read_after, cursor, grant.channels, _PAGE, self._hub.position)
        return ReplayPage([_frame(row, cursor.epoch) for row in page.rows], page.complete_to)


def _describe(stream: Stream, request: StreamRequest, admitted: Admitted) -> None:
    """Note on `stream` what is known of its page and its login."""
    stream.address, stream.can_verify = request.address, request.can_verify
    stream.browser_name = request.browser_name
    stream.login_ends_at = admitted.login_ends_at


def _beginning(grant: Grant) -> bytes:
    """Return the first bytes of a stream: the retry time, and the heads of its channels."""
    return frames.RETRY + frames.heads(grant.position, grant.heads)


def _was_moved(stream: Stream, admitted: Admitted) -> bool:
    """Tell whether the subscriber was moved to other channels than those of the grant, which a replay is not told."""
    return stream.subscriber is not None and stream.subscriber.channels != admitted.grant.channels


def _pieces(rows: list[bytes]) -> Iterator[bytes]:
    """Yield the frames joined, in pieces of _PIECE bytes or one frame more."""
    piece: list[bytes] = []
    size = 0
    for row in rows:
        piece.append(row)
        size += len(row)
        if size >= _PIECE:
            yield b"".join(piece)
            piece, size = [], 0
    yield b"".join(piece)


def _frame(row, epoch: str) -> bytes:
    return frames.notification(wire.encode(row), eventlog.place_of(row, epoch))


async def _until_gone(receive, stream: Stream) -> None:
    """Wait until the client disconnects, then end `stream`."""
    with contextlib.suppress(OSError):
        while (await receive())["type"] != "http.disconnect":
            pass
    stream.end("replaced")
