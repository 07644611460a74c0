"""Receive what Alertmanager sends, in the place of a mail server: each message is printed, and kept."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Message(NamedTuple):
    """One alert of a message: `at` is the monotonic moment of its arrival, `to` the receiver's name."""

    at: float
    to: str
    alert: str
    status: str
    summary: str
    runbook: str


class Receiver:
    """Listen on a free `port` of this machine until the block ends; `told` is called with each message."""

    def __init__(self, told: Callable[[Message], object]):
        self.messages: list[Message] = []
        self._told = told
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.take(self.path.strip("/"), body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_) -> None:
                """Say nothing: what came is told already."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def take(self, to: str, body: dict) -> None:
        for alert in body["alerts"]:
            said = alert["annotations"]
            message = Message(
                time.monotonic(), to, alert["labels"]["alertname"], alert["status"], said["summary"], said["runbook"]
            )
            self.messages.append(message)
            self._told(message)

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()
