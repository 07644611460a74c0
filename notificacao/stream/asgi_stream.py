"""Stream under any ASGI server: the request's own task empties a bounded buffer through `send`."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from notificacao.stream import frames, written
from notificacao.stream.subscribers import Lane, Stream

GRACE = 5.0  # seconds until the connection is cut, so that the goodbye can be read
PATIENCE = 30.0  # seconds that a client may take to read one piece of the replay
SLOW_AFTER_MS = 1_000  # the `after_ms` of the goodbye to a slow reader: it comes back after that

Send = Callable[[dict], Awaitable[None]]


class AsgiStream(Stream):
    """Buffer at most `limit` bytes that the client has not read; a client that leaves more unread is sent away."""

    __slots__ = ("_buffer", "_limit", "_send", "_size", "_within", "wanted")

    def __init__(self, lane: Lane, session_key: str, browser: str, *, limit: int, send: Send):
        super().__init__(lane, session_key, browser)
        self.wanted = asyncio.Event()
        self._send = send
        self._buffer: list[bytes] = []
        self._size = 0
        self._limit = limit
        self._within: asyncio.Timeout | None = None  # while the server has something that it has not sent

    def put(self, data: bytes) -> bool:
        """Queue `data`, or end the stream where more than `limit` bytes would be unread; return whether it is."""
        if self.ended or self.replaying:
            return False
        if self._buffer and self._size + len(data) > self._limit:  # a client that keeps up may be sent any amount
            self._buffer.clear()
            self.end("slow", after_ms=SLOW_AFTER_MS)
            return False
        self._size += len(data)
        self._buffer.append(data)
        self.wanted.set()
        return True

    async def send(self, data: bytes) -> None:
        """Pass `data` to the server, waiting for the socket. Raises OSError where the client is gone or idle."""
        if data:
            await self._pass_on({"type": "http.response.body", "body": data, "more_body": True}, PATIENCE)
            written.note(data)

    async def _pass_on(self, message: dict, within: float | None = None) -> None:
        """Give the server `message`, and wait for the socket; where the stream is ended no longer than GRACE."""
        try:
            async with asyncio.timeout(GRACE if self.ended else within) as self._within:
                await self._send(message)
        finally:
            self._within = None

    def end(self, reason: str, after_ms: int = 0) -> None:
        """Queue the goodbye; `pump` ends after it. The first reason stands."""
        if not self.ended:
            self.ended = True
            self._buffer.append(goodbye := frames.bye(reason, after_ms))
            written.note(goodbye)
            self.wanted.set()
            if self._within is not None and not self._within.expired():
                self._within.reschedule(asyncio.get_running_loop().time() + GRACE)

    def take_queued(self) -> bytes:
        """Return all that is queued, in one piece, and empty the queue."""
        self.wanted.clear()
        taken = b"".join(self._buffer)
        self._buffer.clear()
        self._size = 0
        return taken

    async def pump(self) -> None:
        """Send what is queued, as it comes, until the stream ends. Raises OSError where the client is gone."""
        ended = False
        while not ended:
            await self.wanted.wait()
            ended = self.ended
            await self._pass_on({"type": "http.response.body", "body": self.take_queued(), "more_body": True})
            self.quiet_since = time.monotonic()
        await self._pass_on({"type": "http.response.body", "body": b""})
