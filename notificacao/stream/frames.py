"""Server-sent events as bytes. Data is one line of JSON, ids and names are our own: no field can hold a newline."""

import functools
import json
from collections.abc import Mapping

from notificacao.eventlog import Cursor

RETRY = b"retry: 3000\n\n"
COMMENT = b":\n\n"


_compact = json.JSONEncoder(separators=(",", ":")).encode  # made once: `json.dumps` makes one a call


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {_compact(data)}\n\n".encode()


def notification(line: str, position: Cursor | None) -> bytes:
    """One row; `line` is its JSON. With its place in the log in the live lane, without in standby."""
    where = f"id: {position}\n" if position else ""
    return f"event: notification\n{where}data: {line}\n\n".encode()


def heads(position: Cursor, channels: Mapping[str, int]) -> bytes:
    return _event("heads", {"position": str(position), "channels": channels})


@functools.lru_cache(maxsize=1_000)  # many people have few unread
def counts(unread: int) -> bytes:
    return _event("counts", {"unread": unread})


def session() -> bytes:
    """Fetch the session again: flag, membership, keys or role changed."""
    return _event("session", {})


def leave_ably() -> bytes:
    """The session changed in its transport alone, which is SSE now: nothing is to be fetched."""
    return _event("session", {"transport": "sse"})


def resync(position: Cursor) -> bytes:
    """Drop the list and fetch the inbox; the stream goes on from `position`."""
    return f"id: {position}\n".encode() + _event("resync", {"position": str(position)})


def bye(reason: str, after_ms: int) -> bytes:
    return _event("bye", {"reason": reason, "after_ms": after_ms})


def heartbeat(position: Cursor) -> bytes:
    """In the live lane: all up to `position` was sent. The comment is for parsers that hide an id without data."""
    return f"id: {position}\n: {position}\n\n".encode()
