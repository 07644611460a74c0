"""A stream that was given its connection: one slotted protocol on a transport, with no task, scope or queue.

A server that can do so offers `EXTENSION` in `scope["extensions"]`: a callable that takes a `SocketStream`, the
response's headers and the first bytes of its body, answers 200, and leaves the transport to the stream. It raises
OSError where the client is gone.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from notificacao.stream import frames
from notificacao.stream.asgi_stream import SLOW_AFTER_MS
from notificacao.stream.subscribers import Lane, Stream

EXTENSION = "semtas.takeover"

_GRACE = 5.0  # seconds for the goodbye to be read, then the connection is cut
_PATIENCE = 30.0  # seconds for one page of the replay to be read


class SocketStream(Stream, asyncio.Protocol):
    """`limit` bounds what the transport may hold unwritten, in bytes. `lost` is called once the connection is gone."""

    __slots__ = ("_limit", "_lost", "_paused", "_siblings", "_transport", "_writable")

    def __init__(
        self, lane: Lane, session_key: str, browser: str, *, limit: int, lost: Callable[["SocketStream"], None]
    ):
        super().__init__(lane, session_key, browser)
        self._limit = limit
        self._lost = lost
        self._paused = False
        self._siblings: set[Any] = set()
        self._transport: asyncio.Transport | None = None
        self._writable: asyncio.Future[None] | None = None

    def take(self, transport: asyncio.Transport, siblings: set[Any]) -> None:
        """Own `transport` from here on; `siblings` are the server's connections, of which this is one while it lives.

        The transport says when a quarter of the limit is unread: from there on each write is weighed.
        """
        self._transport = transport
        self._siblings = siblings
        siblings.add(self)
        transport.set_write_buffer_limits(high=self._limit // 4)
        transport.set_protocol(self)

    def write(self, data: bytes) -> None:
        if self.ended or self._transport is None:
            return
        if self._paused and self._transport.get_write_buffer_size() + len(data) > self._limit:
            self.end("slow", after_ms=SLOW_AFTER_MS)
            return
        self._transport.write(data)
        self.quiet_since = time.monotonic()

    async def send(self, data: bytes) -> None:
        if self.ended or self._transport is None:
            raise ConnectionResetError("the stream has ended")
        if data:
            self._transport.write(data)
        if self._paused:
            self._writable = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._writable
            except TimeoutError:
                self.end("slow", after_ms=SLOW_AFTER_MS)
            finally:
                self._writable = None
        if self.ended:
            raise ConnectionResetError("the stream has ended")

    def end(self, reason: str, after_ms: int = 0) -> None:
        if self.ended:
            return
        self.ended = True
        if self._transport is not None:
            self._transport.write(frames.bye(reason, after_ms))
            self._transport.close()
            asyncio.get_running_loop().call_later(_GRACE, self._transport.abort)

    def abort(self) -> None:
        self.ended = True
        if self._transport is not None:
            self._transport.abort()

    # --- What the transport tells

    def data_received(self, data: bytes) -> None:
        """A stream is one answer: whatever a client sends after its request has no meaning."""

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        self.resume_writing()
        self._siblings.discard(self)
        self._lost(self)
        self._transport = None
