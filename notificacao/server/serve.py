"""Run the production server: uvicorn that gives streams their connection, and sends them away before it ends."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from notificacao.conf import conf
from notificacao.server.ending import end_hard_after
from notificacao.server.runtime import runtime
from notificacao.server.takeover import http_protocol

GRACE = 10  # seconds until what is still open is cut off
ENDS_WITHIN = 18.0  # seconds; docs/operations.md lets a pod have 20
BACKLOG = 2_048  # connections that wait to be accepted
_KEEPALIVE = {  # seconds, probes: the kernel closes a connection whose other side has vanished
    socket.TCP_KEEPIDLE: 60,
    socket.TCP_KEEPINTVL: 15,
    socket.TCP_KEEPCNT: 4,
    socket.TCP_USER_TIMEOUT: 60_000,  # milliseconds within which what was written must be acknowledged
}
_COLLECT_AT = (50_000, 20, 50)  # the thresholds of the garbage collector's generations


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, taken before anything is loaded. Port 0 takes a free one. Raises OSError.

    What is set on it holds for each connection that it accepts.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # `::` is every address of the machine, those of IPv4 too.
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        listener.setsockopt(socket.IPPROTO_TCP, option, value)
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the URL at which `listener` answers."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def configuration() -> uvicorn.Config:
    """Return uvicorn's configuration for one process.

    There is no access log, since a line there carries a person's address, and no WebSocket, since none is served.
    """
    return uvicorn.Config(
        "semtas.asgi:application",
        loop="uvloop",
        http=http_protocol(),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE,
        forwarded_allow_ips=conf.FORWARDED_ALLOW_IPS,
        root_path=conf.SCRIPT_NAME,
    )


class Server(uvicorn.Server):
    """Serve until SIGTERM or SIGINT, then end with exit code 0. `up` is called once, when requests are answered."""

    def __init__(self, config: uvicorn.Config, up: Callable[[], None]):
        super().__init__(config)
        self._up = up

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on `sockets` until a signal comes."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again at its end
            signal.signal(number, lambda *_: None)
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then tune the garbage collector and report that the server is up."""
        runtime.expect_drain()
        await super().startup(sockets)
        if self.started:
            tune_garbage_collector()
            self._up()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Send the open streams away, then end as uvicorn does; hard, where that takes longer than ENDS_WITHIN."""
        end_hard_after(ENDS_WITHIN)
        self._loop.call_soon_threadsafe(runtime.drain)
        super().handle_exit(sig, frame)


def tune_garbage_collector() -> None:
    """Freeze what is loaded, and collect more rarely.

    What was loaded stays for good, and an open stream is a few objects that refer to each other in no circle.
    docs/decisions.md has the measurement.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AT)
