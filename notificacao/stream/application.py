"""`GET /api/v1/stream/` as a bare ASGI application: no middleware, no request, no database connection is held."""

import asyncio
import contextlib

import structlog
from django.db import DatabaseError, InterfaceError

from notificacao import log, wire
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.log import Cursor, ResyncNeeded
from notificacao.stream import frames
from notificacao.stream.authorisation import Doorkeeper, Grant
from notificacao.stream.hub import Hub
from notificacao.stream.limits import Limits
from notificacao.stream.listeners import Lane, Stream
from notificacao.stream.opening import FORBIDDEN_LANE, NOT_LOGGED_IN, NOT_READY, Opening, Refused
from notificacao.stream.plain import PlainStream
from notificacao.stream.recent import Piece
from notificacao.stream.refused import RefusedStreams
from notificacao.stream.taken import EXTENSION, TakenStream

logger = structlog.get_logger(__name__)

_PAGE = 500
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class StreamApplication:
    """Authorise, replay, join the hub; then the stream writes until either side ends it."""

    def __init__(self, hub: Hub):
        self._hub = hub
        self._limits = Limits()
        self._doorkeeper = Doorkeeper()
        self._replaying = DatabaseThread("replay")
        self._refused = RefusedStreams()
        self._lost = self._gone  # one method object for all streams

    def close(self) -> None:
        self._doorkeeper.close()
        self._replaying.close()
        self._refused.close()
        self._limits.close()

    async def __call__(self, scope, receive, send) -> None:
        try:
            opening = Opening.of(scope)
            grant = await self._admit(opening)
        except Refused as refused:
            refusal = refused.refusal
            self._refused.note(refused, scope)
            await send({"type": "http.response.start", "status": refusal.status, "headers": refusal.headers()})
            await send({"type": "http.response.body", "body": refusal.body()})
            return
        take_over = (scope.get("extensions") or {}).get(EXTENSION)
        if take_over is None:
            await self._serve(opening, grant, receive, send)
        else:
            await self._hand_over(opening, grant, take_over)

    async def _serve(self, opening: Opening, grant: Grant, receive, send) -> None:
        """Under any server: this task lives as long as the stream."""
        stream = PlainStream(opening.lane, opening.session_key, opening.browser, limit=conf.STREAM_BUFFER, send=send)
        stream.address = opening.address
        watch = asyncio.create_task(_until_gone(receive, stream))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await stream.send(_beginning(grant))
            await self._replay_and_join(opening, grant, stream)
            await stream.pump()
        except OSError:
            pass  # the other side hung up
        finally:
            watch.cancel()
            self._gone(stream)

    async def _hand_over(self, opening: Opening, grant: Grant, take_over) -> None:
        """Under a server that gives the connection away: this task ends as soon as the stream has joined."""
        stream = TakenStream(
            opening.lane, opening.session_key, opening.browser, limit=conf.STREAM_BUFFER, lost=self._lost
        )
        stream.address = opening.address
        try:
            take_over(stream, _HEADERS, _beginning(grant))
        except OSError:
            self._limits.give_back(opening.address)
            return
        try:
            await self._replay_and_join(opening, grant, stream)
        except OSError:
            pass  # the other side hung up, or was sent away
        except BaseException:
            stream.abort()
            raise

    def _gone(self, stream: Stream) -> None:
        self._limits.give_back(stream.address)
        self._hub.leave(stream)

    async def _admit(self, opening: Opening) -> Grant:
        """Raises Refused; else a place is taken."""
        if self._hub.draining:
            raise Refused(NOT_READY)
        self._limits.take_place(opening.address)
        try:
            return await self._authorise(opening)
        except BaseException:
            self._limits.give_back(opening.address)
            raise

    async def _authorise(self, opening: Opening) -> Grant:
        """Raises Refused."""
        try:
            grant = await self._doorkeeper.grant(opening.session_key)
        except (DatabaseError, InterfaceError):
            logger.exception("stream_not_authorised")
            raise Refused(NOT_READY) from None
        if grant is None:
            raise Refused(NOT_LOGGED_IN)
        if opening.lane is Lane.STANDBY and not grant.assigned:
            raise Refused(FORBIDDEN_LANE, grant.person_pk)
        await self._limits.note_opening(grant.person_pk)
        if not await self._hub.reached(grant.position):
            raise Refused(NOT_READY)
        return grant

    async def _replay_and_join(self, opening: Opening, grant: Grant, stream: Stream) -> None:
        """In the live lane what lies after the cursor; then join, with no await in between."""
        if opening.lane is Lane.LIVE:
            try:
                await self._replay(opening.cursor or grant.position, grant, stream)
            except ResyncNeeded as resync:
                await self._hub.reached(resync.position)
                stream.write(frames.resync(self._hub.position))
        joined_at = self._hub.position
        self._hub.join(grant, stream)
        if opening.lane is Lane.STANDBY and joined_at != grant.position:  # what came meanwhile is told by the heads
            stream.write(frames.heads(joined_at, await self._replaying.run(log.heads, grant.channels)))

    async def _replay(self, cursor: Cursor, grant: Grant, stream: Stream) -> None:
        """Page through what was missed at the socket's own pace, up to where the hub is by then. Raises ResyncNeeded.

        Nothing is buffered meanwhile: the log holds it.
        """
        replayed = 0
        while cursor != self._hub.position:
            missed = self._read_recent(cursor, grant) or await self._read_log(cursor, grant)
            replayed += len(missed.frames)
            if replayed > conf.REPLAY_LIMIT:
                raise ResyncNeeded(self._hub.position)
            await stream.send(b"".join(missed.frames))
            cursor = missed.complete_to

    def _read_recent(self, cursor: Cursor, grant: Grant) -> Piece | None:
        if cursor.seq < grant.trimmed_to:  # the hub may not know yet
            return None
        return self._hub.recent.read_after(cursor, grant.channels, _PAGE, self._hub.position)

    async def _read_log(self, cursor: Cursor, grant: Grant) -> Piece:
        """Raises ResyncNeeded."""
        if not self._hub.is_at(cursor):
            await self._replaying.run(log.check, cursor)
            await self._hub.reached(cursor)
        page = await self._replaying.run(log.read_after, cursor, grant.channels, _PAGE, self._hub.position)
        return Piece([_frame(row, cursor.epoch) for row in page.rows], page.complete_to)


def _beginning(grant: Grant) -> bytes:
    return frames.RETRY + frames.heads(grant.position, grant.heads)


def _frame(row, epoch: str) -> bytes:
    return frames.notification(wire.encode(row), log.place_of(row, epoch))


async def _until_gone(receive, stream: Stream) -> None:
    with contextlib.suppress(OSError):
        while (await receive())["type"] != "http.disconnect":
            pass
    stream.end("replaced")
