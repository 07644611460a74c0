"""A TCP proxy that spoils what passes through it. It runs on a thread of its own, so that any test can use it."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable

from tests.live.ably_server import free_port
from tests.waiting import PATIENCE

_AT_ONCE = 16_384  # bytes


class Proxy:
    """Between whoever connects to `port` and 127.0.0.1:`target`. The faults may be changed while it runs.

    `latency`: seconds that each piece waits, in either direction. `pace`: bytes a second from the target, at most.
    `holding`: nothing passes, and nothing is lost. `swallowing`: what comes is gone; whatever connection lost a byte
    that way is reset once it ends, as a router does that forgot it. With `tls` it speaks TLS to whoever connects.
    `cuts_off`: whoever sent a piece for which it is true is cut off: the target has it, and its answer reaches nobody.
    """

    def __init__(self, target: int, tls: ssl.SSLContext | None = None):
        self.port = free_port()
        self._tls = tls
        self.target = target
        self.latency = 0.0
        self.pace: float | None = None
        self.cuts_off: Callable[[bytes], bool] = _nobody
        self._passable = asyncio.Event()
        self._swallowing = False
        self._spoilt: set[Connection] = set()
        self._connections: set[Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._call(self._serve())
        return self

    def __exit__(self, *_) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _serve(self) -> None:
        self._passable.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=2_048, ssl=self._tls)

    async def _stop(self) -> None:
        self._server.close()
        await self._reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            abort(writer)
            return
        connection = Connection(writer, there[1])
        self._connections.add(connection)
        try:
            await asyncio.gather(
                self._pump(connection, reader, there[1], from_target=False),
                self._pump(connection, there[0], writer, from_target=True),
            )
        finally:
            connection.reset()
            self._connections.discard(connection)
            self._spoilt.discard(connection)

    async def _pump(self, connection, reader, writer, *, from_target: bool) -> None:
        """One direction until its end. A reset on either side is one for the other too: it would wait forever."""
        try:
            while data := await reader.read(_AT_ONCE):
                await self._spoil(len(data), from_target)
                if self._swallowing or (from_target and connection.half_closed):
                    self._spoilt.add(connection)
                    continue
                writer.write(data)
                await writer.drain()
                if not from_target and self.cuts_off(data):
                    abort(connection.here)
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            connection.reset()

    async def _spoil(self, size: int, from_target: bool) -> None:
        await self._passable.wait()
        if self.latency:
            await asyncio.sleep(self.latency)
        if from_target and self.pace is not None:
            await asyncio.sleep(size / self.pace)

    # --- What a test does to it

    @property
    def open(self) -> int:
        """How many connections pass through it."""
        return len(self._connections)

    @property
    def spoilt(self) -> int:
        """How many of them have lost a byte."""
        return len(self._spoilt)

    def hold(self) -> None:
        self._loop.call_soon_threadsafe(self._passable.clear)

    def swallow(self) -> None:
        self._swallowing = True

    def half_close(self) -> None:
        """Tell everybody who connected that the target sends no more, and leave the other direction open."""
        self._call(self._half_close())

    async def _half_close(self) -> None:
        for connection in self._connections:
            connection.half_closed = True
            with contextlib.suppress(OSError):
                connection.here.write_eof()

    def reset(self) -> None:
        """Break off every connection, both ways."""
        self._call(self._reset())

    async def _reset(self) -> None:
        for connection in list(self._connections):
            connection.reset()

    def heal(self) -> None:
        """End every fault."""
        self.latency, self.pace, self._swallowing, self.cuts_off = 0.0, None, False, _nobody
        self._call(self._heal())

    async def _heal(self) -> None:
        self._passable.set()
        for connection in list(self._spoilt):
            connection.reset()


def _nobody(piece: bytes) -> bool:
    return False


class Connection:
    def __init__(self, here: asyncio.StreamWriter, there: asyncio.StreamWriter):
        self.half_closed = False
        self.here = here
        self.there = there

    def reset(self) -> None:
        abort(self.here)
        abort(self.there)


def abort(writer: asyncio.StreamWriter) -> None:
    """Close with a reset: what was not sent is dropped, and the other side is told at once."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):  # over TLS there is none once it is closed
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
