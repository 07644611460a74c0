"""Stream on a connection that the server has given away: one slotted protocol, with no task, scope or queue.

A server that can do so offers `EXTENSION` in `scope["extensions"]`: a callable that takes a `SocketStream`, the
response's headers and the first bytes of its body, answers 200, and leaves the transport to the stream. It raises
OSError where the client is gone.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from notificacao.stream import frames, written
from notificacao.stream.asgi_stream import GRACE, PATIENCE, SLOW_AFTER_MS
from notificacao.stream.subscribers import Lane, Stream

EXTENSION = "semtas.takeover"


class SocketStream(Stream, asyncio.Protocol):
    """Write to the transport itself.

    `limit` bounds what the transport may hold unwritten, in bytes. `lost` is called once the connection is gone.
    """

    __slots__ = ("_connections", "_limit", "_lost", "_paused", "_transport", "_writable")

    def __init__(
        self, lane: Lane, session_key: str, browser: str, *, limit: int, lost: Callable[["SocketStream"], None]
    ):
        super().__init__(lane, session_key, browser)
        self._limit = limit
        self._lost = lost
        self._paused = False
        self._connections: set[Any] = set()
        self._transport: asyncio.Transport | None = None
        self._writable: asyncio.Future[None] | None = None

    def attach(self, transport: asyncio.Transport, connections: set[Any]) -> None:
        """Own `transport` from here on, and be one of the server's `connections` while it lives.

        The transport reports when a quarter of the limit is unread: from there on the size of each write is checked.
        """
        self._transport = transport
        self._connections = connections
        connections.add(self)
        transport.set_write_buffer_limits(high=self._limit // 4)
        transport.set_protocol(self)

    def put(self, data: bytes) -> bool:
        """Write `data`, or end the stream where more than `limit` bytes would be unread; return whether it is."""
        if self.ended or self.replaying or self._transport is None:
            return False
        if self._paused and self._transport.get_write_buffer_size() + len(data) > self._limit:
            self.end("slow", after_ms=SLOW_AFTER_MS)
            return False
        self._transport.write(data)
        self.quiet_since = time.monotonic()
        return True

    async def send(self, data: bytes) -> None:
        """Write `data`, and wait while a quarter of the limit is unread. Raises OSError where the stream has ended."""
        if self.ended or self._transport is None:
            raise ConnectionResetError("the stream has ended")
        if data:
            self._transport.write(data)
            written.note(data)
        if self._paused:
            self._writable = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._writable
            except TimeoutError:
                self.end("slow", after_ms=SLOW_AFTER_MS)
            finally:
                self._writable = None
        if self.ended:
            raise ConnectionResetError("the stream has ended")

    def end(self, reason: str, after_ms: int = 0) -> None:
        """Write the goodbye and close; after a grace the connection is cut. The first reason stands."""
        if self.ended:
            return
        self.ended = True
        if self._transport is not None:
            self._transport.write(goodbye := frames.bye(reason, after_ms))
            written.note(goodbye)
            self._transport.close()
            asyncio.get_running_loop().call_later(GRACE, self._transport.abort)

    def abort(self) -> None:
        """Cut the connection, without a goodbye."""
        self.ended = True
        if self._transport is not None:
            self._transport.abort()

    # --- Called by the transport

    def data_received(self, data: bytes) -> None:
        """Ignore what a client sends after its request: a stream is one answer."""

    def pause_writing(self) -> None:
        """Note that a quarter of the limit is unread."""
        self._paused = True

    def resume_writing(self) -> None:
        """Note that the client has caught up, and let `send` go on."""
        self._paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Leave the server's connections, and report the end to `lost`."""
        self.ended = True
        self.resume_writing()
        self._connections.discard(self)
        self._lost(self)
        self._transport = None
