"""Extend uvicorn's HTTP protocol so that it can give a connection away to a `SocketStream`: the takeover.

It uses names of uvicorn's own that no promise covers; `tests/server/test_takeover.py` checks them. With another release
than KNOWN streams are served through ASGI's `send`.
"""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.protocols.utils import is_ssl

from notificacao.server.request_limits import BoundedProtocol
from notificacao.stream.socket_stream import EXTENSION, SocketStream

logger = structlog.get_logger(__name__)

KNOWN = "0.54."  # the releases of uvicorn that the takeover is tested with


class TakeoverProtocol(BoundedProtocol):
    """Offer the takeover with each request.

    An application that accepts it owns the transport from then on; nothing refers to this protocol any more.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Do as uvicorn does, but for the addresses.

        uvicorn's way of asking for them makes each transport keep a socket object for good.
        """
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.server, self.client = _address(transport, "sockname"), _address(transport, "peername")
        self.scheme = "https" if is_ssl(transport) else "http"
        self.begin_limits()

    def on_headers_complete(self) -> None:
        """Add the takeover to the request's scope, where the request's task has not begun."""
        super().on_headers_complete()
        if self._refused:
            return
        if self.cycle is not None and self.cycle.scope is self.scope:  # its task has not begun
            offered: dict[Any, Any] = {EXTENSION: partial(self._hand_over, self.cycle)}
            self.scope["extensions"] = offered

    def _hand_over(
        self, cycle: Any, stream: SocketStream, headers: Iterable[tuple[bytes, bytes]], beginning: bytes
    ) -> None:
        """Answer 200 with `headers` and the body's `beginning`; the body ends with the connection.

        Raises ConnectionError where the client is gone.
        """
        if cycle.disconnected or self.transport.is_closing():
            raise ConnectionResetError("the client is gone")
        cycle.response_started = cycle.response_complete = True
        self.pipeline.clear()
        self._expect_nothing()
        self.flow.resume_reading()  # else the end of the connection would go unnoticed
        self.connections.discard(self)
        stream.attach(self.transport, self.connections)
        self.transport.write(_head([*self.server_state.default_headers, *headers]) + beginning)
        self.parser = None  # type: ignore[assignment]
        cycle.scope["extensions"].clear()  # else a reference circle would wait for the garbage collector

    def connection_lost(self, exc: Exception | None) -> None:
        """Do as uvicorn does, and drop the offer, which refers back to this protocol."""
        self._expect_nothing()
        super().connection_lost(exc)
        if self.scope is not None:
            self.scope.pop("extensions", None)


def _address(transport: asyncio.Transport, which: str) -> Any:
    """Return `(host, port)`; None where a socket has none.

    A socket of both kinds shows IPv4 as `::ffff:192.0.2.1`, by which no setting names it.
    """
    address = transport.get_extra_info(which)
    if not isinstance(address, tuple):
        return None
    host, port = address[:2]
    return (host.removeprefix("::ffff:") if "." in host else host), port


def _head(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the response's status line and headers."""
    lines = [b"%s: %s\r\n" % header for header in headers]
    return b"".join([STATUS_LINE[200], *lines, b"connection: close\r\n\r\n"])


def http_protocol() -> type[asyncio.Protocol] | str:
    """Return what `uvicorn.Config(http=…)` takes: the takeover with the known uvicorn, else uvicorn's own protocol."""
    if uvicorn.__version__.startswith(KNOWN):
        return TakeoverProtocol
    logger.warning("takeover_not_offered", uvicorn=uvicorn.__version__, known=KNOWN)
    return "httptools"
