"""uvicorn's HTTP protocol, taught to give a connection away: what `notificacao/stream/taken.py` calls the takeover.

It leans on names of uvicorn's own that no promise covers; `tests/server/test_takeover.py` holds them, and with another
release than the known ones streams are served plainly, through `send`.
"""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.utils import is_ssl

from notificacao.stream.socket_stream import EXTENSION, SocketStream

logger = structlog.get_logger(__name__)

KNOWN = "0.54."
HEAD_WITHIN = 10.0  # seconds: whoever says less than a request's head in that time is cut off


class TakeoverProtocol(HttpToolsProtocol):
    """Offers the takeover with each request. Whoever accepts it has the transport; all of this is then garbage."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's own, but for the addresses: asked its way, each transport keeps a socket object for good."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.server, self.client = _address(transport, "sockname"), _address(transport, "peername")
        self.scheme = "https" if is_ssl(transport) else "http"
        self._head_due = self.loop.call_later(HEAD_WITHIN, transport.close)

    def on_headers_complete(self) -> None:
        self._head_due.cancel()
        super().on_headers_complete()
        if self.cycle is not None and self.cycle.scope is self.scope:  # its task has not begun
            offered: dict[Any, Any] = {EXTENSION: partial(self._hand_over, self.cycle)}
            self.scope["extensions"] = offered

    def _hand_over(
        self, cycle: Any, stream: SocketStream, headers: Iterable[tuple[bytes, bytes]], beginning: bytes
    ) -> None:
        """Answer 200 with `headers` and the body's `beginning`; the body ends with the connection.

        Raises ConnectionError where that is gone.
        """
        if cycle.disconnected or self.transport.is_closing():
            raise ConnectionResetError("the client is gone")
        cycle.response_started = cycle.response_complete = True
        self.pipeline.clear()
        self.flow.resume_reading()  # else nobody would notice that the client hangs up
        self.connections.discard(self)
        stream.attach(self.transport, self.connections)
        self.transport.write(_head([*self.server_state.default_headers, *headers]) + beginning)
        self.parser = None  # type: ignore[assignment]
        cycle.scope["extensions"].clear()  # what leads back from it to here would wait for the garbage collector

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_due.cancel()
        super().connection_lost(exc)
        if self.scope is not None:
            self.scope.pop("extensions", None)


def _address(transport: asyncio.Transport, which: str) -> Any:
    """`(host, port)`; None where a socket has none."""
    address = transport.get_extra_info(which)
    return address[:2] if isinstance(address, tuple) else None


def _head(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [b"%s: %s\r\n" % header for header in headers]
    return b"".join([STATUS_LINE[200], *lines, b"connection: close\r\n\r\n"])


def http_protocol() -> type[asyncio.Protocol] | str:
    """For `uvicorn.Config(http=…)`."""
    if uvicorn.__version__.startswith(KNOWN):
        return TakeoverProtocol
    logger.warning("takeover_not_offered", uvicorn=uvicorn.__version__, known=KNOWN)
    return "httptools"
