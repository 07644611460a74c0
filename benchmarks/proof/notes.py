"""Open listeners, write down what comes to them, and talk by lines with the process that started them."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Protocol, TextIO

_JOIN_WITHIN = 60  # seconds for those that open together


class Seat(Protocol):
    """Describe one listener: `open` begins to listen, and `joined` is set once all that it hears would reach it."""

    joined: asyncio.Event

    async def open(self) -> None:
        """Begin to listen."""


class Notes:
    """What came to all listeners of a process: a line of `out` for each arrival, and how many there are.

    A line is `name lane connection id event_id channel seq prev_seq nanoseconds` of the monotonic clock. `reopened` and
    `refused` count connections.
    """

    def __init__(self, lane: str, out: TextIO):
        self.count = self.reopened = self.refused = 0
        self._lane = lane
        self._out = out

    def note(self, name: str, connection: int, row: dict, at: int) -> None:
        """Write that `row` came to that person."""
        self.count += 1
        seen = (row["id"], row["event_id"], row["channel"], row["seq"], row["prev_seq"])
        self._out.write(" ".join(map(str, (name, self._lane, connection, *seen, at))) + "\n")


async def open_all(seats: Sequence[Seat], at_once: int) -> None:
    """Open them, so many together. Raises TimeoutError where some of these have not joined within _JOIN_WITHIN."""
    for start in range(0, len(seats), at_once):
        some = seats[start : start + at_once]
        async with asyncio.timeout(_JOIN_WITHIN):
            await asyncio.gather(*(seat.open() for seat in some))
            await asyncio.gather(*(seat.joined.wait() for seat in some))


async def lines_of_stdin() -> asyncio.StreamReader:
    """Return what we are told; the first line is the task."""
    lines = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    return lines


async def count_until_the_end(lines: asyncio.StreamReader, notes: Notes) -> None:
    """Say that all listen, answer each "count", and return once told to end."""
    print("ready", flush=True)
    while (await lines.readline()).strip() == b"count":
        print(notes.count, flush=True)


def tell_connections(notes: Notes) -> None:
    """Say what became of the connections, as the last line."""
    print(json.dumps({"reopened": notes.reopened, "refused": notes.refused}), flush=True)
