"""What the hub holds of each open stream and of each person who has one."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from notificacao.stream import frames
from notificacao.stream.authorisation import Grant


class Lane(StrEnum):
    LIVE = "live"  # every row, in the log's order
    STANDBY = "standby"  # heads, and the rows that Ably did not take


class Stream:
    """One open connection: a bounded buffer that its own task empties. `write` never waits."""

    __slots__ = (
        "_buffer",
        "_limit",
        "_size",
        "browser",
        "ended",
        "lane",
        "quiet_since",
        "session_key",
        "told",
        "wanted",
    )

    def __init__(self, lane: Lane, session_key: str, browser: str, *, limit: int):
        self.lane = lane
        self.session_key = session_key
        self.browser = browser
        self.told = ""  # the transport that this page was told last
        self.ended = False
        self.quiet_since = 0.0
        self.wanted = asyncio.Event()
        self._buffer: list[bytes] = []
        self._size = 0
        self._limit = limit

    def write(self, frame: bytes) -> None:
        """Queue `frame`; a reader who left more than the limit unread is told `bye` and ends."""
        if self.ended:
            return
        self._size += len(frame)
        if self._size > self._limit:
            self._buffer.clear()
            self.end("slow", after_ms=1_000)
            return
        self._buffer.append(frame)
        self.wanted.set()

    def end(self, reason: str, after_ms: int = 0) -> None:
        if not self.ended:
            self.ended = True
            self._buffer.append(frames.bye(reason, after_ms))
            self.wanted.set()

    def take(self) -> bytes:
        """All that is queued, in one piece."""
        self.wanted.clear()
        taken = b"".join(self._buffer)
        self._buffer.clear()
        self._size = 0
        return taken


@dataclass(eq=False)
class Listener:
    """A person with at least one open stream in this process."""

    grant: Grant
    unread: int
    streams: list[Stream] = field(default_factory=list)
    count_told: int = -1
    count_again: bool = False
    counted_to: int = 0  # the database counted the rows up to this seq
    _since_count: list[int] | None = None  # rows that came while the database is counting

    @property
    def pk(self) -> int:
        return self.grant.person_pk

    def may_see(self, channel: str, seq: int) -> bool:
        since = self.grant.channels.get(channel)
        return since is not None and seq > since

    def count(self, seq: int, one_row_event: bool) -> None:
        """An unread row came. An event of several rows may have been counted by another channel: ask again."""
        if not one_row_event:
            self.count_again = True
            return
        if seq > self.counted_to:
            self.unread += 1
        if self._since_count is not None:  # the count that is under way may be of another life of the log
            self._since_count.append(seq)

    def begin_count(self) -> None:
        self.count_again = False
        self._since_count = []

    def end_count(self, grant: Grant) -> None:
        """The database counted `grant.unread` at `grant.position`; what came after that is added."""
        came = self._since_count or []
        self.counted_to = grant.position.seq
        self.unread = grant.unread + sum(seq > self.counted_to for seq in came)
        self._since_count = None

    def write(self, frame: bytes, *lanes: Lane) -> None:
        for stream in self.streams:
            if not lanes or stream.lane in lanes:
                stream.write(frame)
