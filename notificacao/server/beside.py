"""Serve metrics and health of a process that serves no site, on a thread of its own."""

import asyncio
import json
import socket
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


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds for a request to arrive

    def log_message(self, *args: Any) -> None:
        """Log nothing: a probe comes every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


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
