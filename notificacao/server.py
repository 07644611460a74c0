"""The production server: uvicorn, taught to send the open streams away before it waits for them to end."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from notificacao.runtime import runtime

GRACE = 10  # seconds until what is still open is cut off
BACKLOG = 2_048  # connections that wait to be accepted
_DRAIN_AGAIN_EVERY = 0.2  # seconds


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken before anything is loaded. Raises OSError; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def configuration() -> uvicorn.Config:
    """One process; no access log, since a line there carries a person's address; no WebSocket, since none is served."""
    return uvicorn.Config(
        "semtas.asgi:application",
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE,
    )


class Server(uvicorn.Server):
    """Ends with exit code 0 on SIGTERM and SIGINT. `up` is called once, when requests are answered."""

    def __init__(self, config: uvicorn.Config, up: Callable[[], None]):
        super().__init__(config)
        self._up = up

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again at its end, for whoever came before
            signal.signal(number, lambda *_: None)
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._up()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(runtime.drain)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        draining = asyncio.create_task(self._drain_latecomers())
        try:
            await super().shutdown(sockets)
        finally:
            draining.cancel()

    async def _drain_latecomers(self) -> None:
        """A stream may still open between the first drain and the close of the listening socket."""
        while True:
            runtime.drain()
            await asyncio.sleep(_DRAIN_AGAIN_EVERY)
