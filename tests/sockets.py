"""A page that holds a stream open through a socket, and uvicorn's protocol behind it, in this very process."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from urllib.parse import urlencode

import uvicorn
from uvicorn.server import ServerState

from notificacao.server.takeover import TakeoverProtocol
from tests.asgi import OpenStream

_BUFFER = 4_096  # bytes that the kernel holds at either side: as little as it grants, so that a stall is felt soon


class SocketStream(OpenStream):
    """As `OpenStream`, by a connection to `port`."""

    def _begin(self, port: int, query: dict[str, str], headers: dict[str, str], method: str) -> None:
        lines = [f"{method} /api/v1/stream/?{urlencode(query)} HTTP/1.1", "host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._watch(self._talk(port, "\r\n".join([*lines, "", ""]).encode()))

    async def _talk(self, port: int, request: bytes) -> None:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        connection.connect(("127.0.0.1", port))
        reader, self.writer = await asyncio.open_connection(sock=connection, limit=_BUFFER)
        try:
            self.writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
            self._begun(int(head[0].split()[1]), dict(line.split(b": ", 1) for line in head[1:] if line))
            length = self.headers.get(b"content-length")
            while not self._gone.is_set() and (body := await reader.read(_BUFFER)):
                await self._reads.wait()
                self._read(body)
                if length is not None and len(self.body) == int(length):
                    break
            self.over = not self._gone.is_set()
        except ConnectionError:
            assert self._gone.is_set() or self._hung_up
        finally:
            self.writer.close()

    def hang_up(self) -> None:
        super().hang_up()
        self.writer.transport.abort()

    async def close(self) -> None:
        if not self._task.done():
            self.writer.transport.abort()
        await super().close()


@contextlib.asynccontextmanager
async def listening(application: Callable) -> AsyncIterator[tuple[int, set]]:
    """`(port, uvicorn's connections)` of `application`, served as `manage.py serve` does."""
    config = uvicorn.Config(application, ws="none", lifespan="off", log_config=None, access_log=False)
    state = ServerState()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(partial(TakeoverProtocol, config, state, {}), sock=listener)
        try:
            yield listener.getsockname()[1], state.connections
        finally:
            server.close()
