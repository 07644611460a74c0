"""Listen to the stream as up to 500 browsers do, in a process of its own; write down every notification that comes.

Told in a line of JSON: `{"seats": [{"name", "request"}], "lane", "port", "certificate", "out"}`; `request` has the
word CURSOR where the cursor goes. It answers "ready" once all are open, then, to the line "count", how many
notifications came, and to the line "end" `{"reopened", "refused"}`. `notes.py` has the lines of `out`.
"""

import asyncio
import json
import random
import ssl
import time
from typing import TextIO

import uvloop

from benchmarks.proof.frames import Event, Frames
from benchmarks.proof.notes import Notes, count_until_the_end, lines_of_stdin, open_all, tell_connections

_AT_ONCE = 100  # that open together
_WAIT = 0.3, 0.8  # seconds until a stream that broke off is opened again


class Seat(asyncio.Protocol):
    """One browser: it opens its stream, and opens it again from its cursor where it breaks off."""

    def __init__(self, room: "Room", name: str, request: str, cursor: str = ""):
        self._room = room
        self._name = name
        self._request = request
        self._cursor = cursor
        self._frames = Frames()
        self._leaving = False
        self.connection = 0
        self.joined = asyncio.Event()

    async def open(self) -> None:
        """Raises OSError where nobody listens there."""
        self._frames = Frames()
        self.connection += 1
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(
            lambda: self, "127.0.0.1", self._room.port, ssl=self._room.tls
        )
        self._transport.write(self._request.replace("CURSOR", self._cursor).encode())

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        for event in self._frames.feed(data):
            self._hear(event, now)

    def _hear(self, event: Event, now: int) -> None:
        self._cursor = event.id or self._cursor
        if event.name == "notification" and event.data:
            self._room.note(self._name, self.connection, event.data, now)
        elif event.name == "counts":
            self.joined.set()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._leaving:
            self._room.refused += self._frames.status not in (0, 200)
            self._room.spawn(self._again())

    async def _again(self) -> None:
        await asyncio.sleep(random.uniform(*_WAIT))
        self._room.reopened += 1
        try:
            await self.open()
        except OSError:
            self._room.spawn(self._again())

    def leave(self) -> None:
        self._leaving = True
        self._transport.abort()


class Room(Notes):
    """All seats of this process, where they connect, and what came to them."""

    def __init__(self, port: int, certificate: str | None, lane: str, out: TextIO):
        super().__init__(lane, out)
        self.port = port
        self.tls = ssl.create_default_context(cafile=certificate) if certificate else None
        self._tasks: set[asyncio.Task] = set()

    def spawn(self, work) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def main() -> None:
    lines = await lines_of_stdin()
    task = json.loads(await lines.readline())
    with open(task["out"], "w") as out:
        room = Room(task["port"], task["certificate"], task["lane"], out)
        seats = [Seat(room, **seat) for seat in task["seats"]]
        await open_all(seats, _AT_ONCE)
        await count_until_the_end(lines, room)
        for seat in seats:
            seat.leave()
    tell_connections(room)


if __name__ == "__main__":
    uvloop.run(main())
