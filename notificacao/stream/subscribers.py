"""What the hub holds of each open stream and of each person who has one: slotted, since there are many."""

import random
from collections.abc import Mapping, Sequence
from enum import StrEnum

from notificacao.stream import frames
from notificacao.stream.authorisation import Grant

DRAIN_SPREAD_MS = 2_000  # over which those who were sent away come back


class Lane(StrEnum):
    LIVE = "live"  # every row, in the log's order
    STANDBY = "standby"  # heads, and the rows that Ably did not take


class Stream:
    """One open connection. `write` never waits; a reader who leaves too much unread is told `bye` and ends."""

    __slots__ = ("address", "browser", "ended", "lane", "quiet_since", "session_key", "subscriber", "told")

    def __init__(self, lane: Lane, session_key: str, browser: str):
        self.lane = lane
        self.session_key = session_key
        self.browser = browser
        self.address = ""  # whose place it holds
        self.subscriber: Subscriber | None = None  # once it has joined the hub
        self.told = ""  # the transport that this page was told last
        self.ended = False
        self.quiet_since = 0.0

    def write(self, data: bytes) -> None:
        """One or more whole frames."""
        raise NotImplementedError

    async def send(self, data: bytes) -> None:
        """At the socket's own pace. Raises OSError where the other side is gone."""
        raise NotImplementedError

    def end(self, reason: str, after_ms: int = 0) -> None:
        """Say `bye` and close; the first reason stands."""
        raise NotImplementedError

    def shutdown(self) -> None:
        """The server is about to end."""
        self.end("drain", after_ms=random.randrange(DRAIN_SPREAD_MS))  # noqa: S311


class Subscriber:
    """A person with at least one open stream in this process."""

    __slots__ = (
        "_since_count",
        "channels",
        "count_again",
        "count_told",
        "counted_to",
        "in_standby",
        "pk",
        "streams",
        "unread",
    )

    def __init__(self, grant: Grant):
        self.pk = grant.person_pk
        self.channels: Mapping[str, int] = grant.channels
        self.streams: tuple[Stream, ...] = ()
        self.in_standby = False  # any of the streams
        self.unread = 0
        self.counted_to = -1  # the database counted the rows up to this seq; not yet
        self.count_told = -1
        self.count_again = False
        self._since_count: list[int] | None = None  # rows that came while the database is counting

    def may_see(self, channel: str, seq: int) -> bool:
        since = self.channels.get(channel)
        return since is not None and seq > since

    def hold(self, streams: tuple[Stream, ...]) -> None:
        self.streams = streams
        self.in_standby = any(stream.lane is Lane.STANDBY for stream in streams)

    def count(self, seqs: Sequence[int]) -> None:
        """Unread rows came, in ascending order, each an event of its own."""
        if self._since_count is not None:
            self._since_count.extend(seqs)
        if seqs and seqs[0] > self.counted_to:
            self.unread += len(seqs)
        else:
            self.unread += sum(seq > self.counted_to for seq in seqs)

    @property
    def count_is_due(self) -> bool:
        """Whether `unread` waits for the database's answer."""
        return self.count_again or self._since_count is not None

    def begin_count(self) -> None:
        self.count_again = False
        self._since_count = []

    def end_count(self, unread: int, seq: int) -> None:
        """The database counted `unread`, all up to `seq` included; what came after that is added."""
        came = self._since_count or []
        self.counted_to = seq
        self.unread = unread + sum(each > seq for each in came)
        self._since_count = None

    def tell_count(self) -> None:
        if self.counted_to >= 0 and not self.count_is_due and self.unread != self.count_told:
            self.count_told = self.unread
            self.write(frames.counts(self.unread))

    def write(self, data: bytes, *lanes: Lane) -> None:
        for stream in self.streams:
            if not lanes or stream.lane in lanes:
                stream.write(data)
