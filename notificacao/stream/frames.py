"""Build server-sent events as bytes. Data is one line of JSON, ids and names are ours: no field can hold a newline."""

import functools
import json
from collections.abc import Mapping, Sequence

from notificacao.eventlog import Cursor

RETRY = b"retry: 3000\n\n"  # milliseconds until the browser opens a broken stream again
COMMENT = b":\n\n"  # a heartbeat that tells no position: the standby lane's


_compact = json.JSONEncoder(separators=(",", ":")).encode  # made once: `json.dumps` would make an encoder at each call


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {_compact(data)}\n\n".encode()


def count(data: bytes) -> int:
    """Return how many frames `data` is: no field holds a newline, so an empty line ends a frame."""
    return data.count(b"\n\n")


def notification(line: str, position: Cursor | None) -> bytes:
    """Return one row, whose JSON is `line`; `position` is its place in the log in the live lane, None in standby."""
    where = f"id: {position}\n" if position else ""
    return f"event: notification\n{where}data: {line}\n\n".encode()


def heads(position: Cursor, channels: Mapping[str, int]) -> bytes:
    """Return the last seq of each of `channels`, as of `position`."""
    return _event("heads", {"position": str(position), "channels": channels})


@functools.lru_cache(maxsize=1_000)  # few different counts serve many people
def counts(unread: int) -> bytes:
    """Return how many events the person has not read."""
    return _event("counts", {"unread": unread})


def session() -> bytes:
    """Return the event that has the page fetch its session again: flag, membership, keys or role changed."""
    return _event("session", {})


def keys(channels: Sequence[Mapping[str, object]]) -> bytes:
    """Return the keys of `channels` as they are now, each as the session tells them; the others have not changed."""
    return _event("keys", {"channels": channels})


def leave_ably() -> bytes:
    """Return the event that moves the page to SSE: nothing else of the session changed, so nothing is to be fetched."""
    return _event("session", {"transport": "sse"})


def ably(in_use: bool) -> bytes:
    """Return the event that tells a page in standby whether Ably is in use; else its rows come by the stream."""
    return _event("ably", {"in_use": in_use})


def resync(position: Cursor) -> bytes:
    """Return the event that has the page drop its list and fetch the inbox; the stream goes on from `position`."""
    return f"id: {position}\n".encode() + _event("resync", {"position": str(position)})


def bye(reason: str, after_ms: int) -> bytes:
    """Return the last event of a stream: why it ends, and after how many milliseconds the page may come back."""
    return _event("bye", {"reason": reason, "after_ms": after_ms})


def heartbeat(position: Cursor) -> bytes:
    """Return the live lane's heartbeat: all rows up to `position` were sent.

    The comment repeats the position for parsers that hide an id without data.
    """
    return f"id: {position}\n: {position}\n\n".encode()
