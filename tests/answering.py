"""A server on 127.0.0.1 that answers each request as it was told to, Ably's or not."""

import asyncio
import contextlib
import json
import ssl
from collections import deque


class Answering:
    """`answers` holds `(status, headers, body)` or SILENCE, one for each request; the last one for good.

    `to` has those that are for one method alone.
    """

    SILENCE = None

    def __init__(self):
        self.answers: deque = deque()
        self.to: dict[str, tuple] = {}
        self.requests: list[tuple[str, bytes]] = []  # (first line, body)
        self.hung_up = 0  # clients that left while they were kept waiting
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, tls: ssl.SSLContext | None = None) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        return self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for writer in self._open:
            writer.close()

    def says(self, status: int, body, **headers: str) -> None:
        """The next answer; `body` is sent as JSON where it is no text."""
        self.answers.append(answer(status, body, **headers))

    def _next(self) -> tuple | None:
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
            )
            self.requests.append((head.split("\r\n")[0], await reader.readexactly(length)))
            given = self.to.get(head.split(" ")[0]) or self._next()
            if given is self.SILENCE:
                await reader.read()
                self.hung_up += 1
                return
            status, headers, body = given
            lines = [f"HTTP/1.1 {status} x", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
            writer.write(
                "\r\n".join([*lines, f"content-length: {len(body.encode())}", "connection: close", "", body]).encode()
            )
            await writer.drain()
            writer.close()


def answer(status: int, body, **headers: str) -> tuple[int, dict[str, str], str]:
    if isinstance(body, str):
        return status, {"content-type": "text/html", **headers}, body
    return status, {"content-type": "application/json", **headers}, json.dumps(body)
