"""Write down what came to listeners, and talk by lines with the process that started them."""

import asyncio
import json
import sys
from typing import TextIO


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
