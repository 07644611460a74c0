"""Serve metrics and health of a process that serves no site, on a thread of its own.

Whoever reaches the port may hold a few connections for a few seconds, and send a head of a few kilobytes.
"""

import asyncio
import contextlib
import json
import socket
import sys
import threading
from collections.abc import Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.db import connection
from prometheus_client import make_wsgi_app

from notificacao.metrics import door
from notificacao.server import readiness

_ANSWERS_WITHIN = 5.0  # seconds in which the loop of a living process comes round
_AT_ONCE = 16  # connections: a probe or two, a scrape
_OVER_WITHIN = 30.0  # seconds from a connection's beginning to its end
_HEAD_MAX = 16_384  # bytes


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds between two pieces of a request

    def setup(self) -> None:
        """Begin to count what comes."""
        super().setup()
        self.rfile = _Head(self.rfile)  # type: ignore[assignment]

    def log_message(self, *args: Any) -> None:
        """Log nothing: a probe comes every few seconds."""


class _TooLarge(OSError):
    """Cut off a head that is larger than it may be."""


class _Head:
    """Read lines of a request's head, `_HEAD_MAX` bytes at most. Raises _TooLarge beyond that."""

    def __init__(self, lines: Any):
        self._lines = lines
        self._left = _HEAD_MAX

    def readline(self, limit: int = -1) -> bytes:
        line = self._lines.readline(self._left + 1 if limit < 0 else min(limit, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise _TooLarge
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lines, name)


class _Server(ThreadingMixIn, WSGIServer):
    """Answer `_AT_ONCE` connections at a time, each within `_OVER_WITHIN` seconds; others are closed unanswered."""

    daemon_threads = True

    def __init__(self, *where: Any):
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(*where)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        cut = threading.Timer(_OVER_WITHIN, _cut, [request])
        cut.daemon = True
        cut.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            cut.cancel()
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of who was cut off, or left."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _ServerOfIPv6(_Server):
    address_family = socket.AF_INET6


def serve(host: str, port: int, loop: asyncio.AbstractEventLoop) -> tuple[WSGIServer, threading.Thread]:
    """Answer `/health/live`, `/health/ready` and, elsewhere, metrics. Return the server and its thread.

    Port 0 takes a free one. Raises OSError and OverflowError.
    """
    server = (_ServerOfIPv6 if ":" in host else _Server)((host, port), _Handler)
    server.set_app(_application(loop))
    thread = threading.Thread(target=server.serve_forever, name="beside", daemon=True)
    thread.start()
    return server, thread


def _application(loop: asyncio.AbstractEventLoop):
    figures = make_wsgi_app()

    def answer(environ: dict[str, Any], start_response) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/health/live":
            return _json(start_response, {"status": "ok"} if _comes_round(loop) else {"status": "failing"})
        if environ["PATH_INFO"] == "/health/ready":
            return _json(start_response, _readiness())
        if not door.may_be_read_by(environ["REMOTE_ADDR"], environ.get("HTTP_AUTHORIZATION", "")):
            start_response("403 Forbidden", [("Content-Length", "0")])
            return []
        return figures(environ, start_response)

    return answer


def _json(start_response, body: dict[str, Any]) -> list[bytes]:
    status = HTTPStatus.OK if body["status"] == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    start_response(f"{status.value} {status.phrase}", headers)
    return [json.dumps(body).encode()]


def _readiness() -> dict[str, Any]:
    try:
        return readiness.judge()
    finally:
        connection.close()  # of this thread, which answers one request


def _comes_round(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether the process's loop does something within `_ANSWERS_WITHIN` seconds."""
    came = threading.Event()
    try:
        loop.call_soon_threadsafe(came.set)
    except RuntimeError:  # the loop is closed
        return False
    return came.wait(_ANSWERS_WITHIN)
