"""Cut the bytes of an event stream into its events, as a client gets them: by its own connection or through a proxy."""

import json
from collections.abc import Iterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event: `id` is empty where it has none, `data` None where it is a comment or a bare id."""

    name: str
    id: str
    data: dict | None


class Frames:
    """Read one answer of HTTP/1.1. `status` is 0 until its head is there."""

    def __init__(self) -> None:
        self.status = 0
        self._chunked = False
        self._raw = b""
        self._text = b""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield each event that ends within what came so far."""
        self._raw += data
        if not self.status and not self._read_head():
            return
        self._text += self._dechunked() if self._chunked else self._raw
        if not self._chunked:
            self._raw = b""
        *blocks, self._text = self._text.split(b"\n\n")
        yield from (_event(block) for block in blocks if block)

    def _read_head(self) -> bool:
        head, end, rest = self._raw.partition(b"\r\n\r\n")
        if not end:
            return False
        self.status = int(head.split(b" ", 2)[1])
        self._chunked = b"transfer-encoding: chunked" in head.lower()
        self._raw = rest
        return True

    def _dechunked(self) -> bytes:
        """Return the content of the chunks that are whole by now."""
        whole = []
        while (end := self._raw.find(b"\r\n")) >= 0:
            after = end + 2 + int(self._raw[:end], 16)
            if len(self._raw) < after + 2:
                break
            whole.append(self._raw[end + 2 : after])
            self._raw = self._raw[after + 2 :]
        return b"".join(whole)


def _event(block: bytes) -> Event:
    name, event_id, data = "message", "", None
    for line in block.split(b"\n"):
        field, _, value = line.partition(b": ")
        if field == b"event":
            name = value.decode()
        elif field == b"id":
            event_id = value.decode()
        elif field == b"data":
            data = json.loads(value)
    return Event(name, event_id, data)
