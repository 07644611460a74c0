"""Hold what the hub keeps of each open stream and of each person who has one: slotted, since there are many."""

import math
import random
from collections.abc import Mapping, Sequence
from enum import StrEnum

from notificacao.stream import frames, written
from notificacao.stream.authorisation import Grant

DRAIN_SPREAD_MS = 2_000  # pages that were sent away come back within this time


class Lane(StrEnum):
    """Name what a stream carries."""

    LIVE = "live"  # every row, in the log's order
    STANDBY = "standby"  # heads, and the rows that Ably did not take


class Stream:
    """Represent one open connection. `write` never waits; a stream whose reader leaves too much unread is ended."""

    __slots__ = (
        "address",
        "browser",
        "browser_name",
        "can_verify",
        "ended",
        "fed_to",
        "lane",
        "login_ends_at",
        "quiet_since",
        "replaying",
        "session_key",
        "subscriber",
        "told_in_use",
        "told_transport",
    )

    def __init__(self, lane: Lane, session_key: str, browser: str):
        self.lane = lane
        self.session_key = session_key
        self.browser = browser
        self.browser_name = ""  # such as "Firefox no Windows"
        self.can_verify = True  # whether its page verifies signatures; else it is never told to go to Ably
        self.address = ""  # the address for which it holds a place
        self.subscriber: Subscriber | None = None  # once it has joined the hub
        self.told_in_use = True  # whether Ably is, as a page in standby believes that nobody told
        self.told_transport = ""  # the transport that this page was last told to use: "ably", "sse", or none yet
        self.ended = False
        self.replaying = False  # whether it still reads what it missed from the log: what is written goes nowhere
        self.quiet_since = 0.0
        self.fed_to = 0  # the seq up to which it had all its rows when it joined, or when rows began to be withheld
        self.login_ends_at = math.inf  # monotonic time at which the session expires

    def write(self, data: bytes) -> None:
        """Write one or more whole frames as `put` does, and count them."""
        written.note(data, self.put(data))

    def put(self, data: bytes) -> bool:
        """Write one or more whole frames, or end the stream where too much is unread; not while it is replaying.

        Return whether they were written. Whoever calls it counts them.
        """
        raise NotImplementedError

    async def send(self, data: bytes) -> None:
        """Send at the socket's own pace. Raises OSError where the client is gone."""
        raise NotImplementedError

    def end(self, reason: str, after_ms: int = 0) -> None:
        """Say `bye` with `reason`, and close; the first reason stands. The page may come back after `after_ms`."""
        raise NotImplementedError

    def shutdown(self) -> None:
        """End the stream because the server is about to end; pages come back at moments spread over DRAIN_SPREAD_MS."""
        self.end("drain", after_ms=random.randrange(DRAIN_SPREAD_MS))  # noqa: S311


class Subscriber:
    """Represent a person with at least one open stream in this process."""

    __slots__ = (
        "_since_count",
        "authorised_at",
        "channels",
        "count_again",
        "count_told",
        "counted_to",
        "in_standby",
        "pk",
        "streams",
        "unread",
        "withheld",
    )

    def __init__(self, grant: Grant):
        self.pk = grant.person_pk
        self.channels: Mapping[str, int] = grant.channels
        self.authorised_at = 0.0  # monotonic time
        self.withheld = False  # whether rows are withheld until they are authorised again
        self.streams: tuple[Stream, ...] = ()
        self.in_standby = False  # whether any of the streams is
        self.unread = 0
        self.counted_to = -1  # the seq up to which the database counted; -1: not yet
        self.count_told = -1
        self.count_again = False
        self._since_count: list[int] | None = None  # seqs that came while the database counts

    def may_see(self, channel: str, seq: int) -> bool:
        """Tell whether the row `seq` of `channel` is theirs."""
        since = self.channels.get(channel)
        return since is not None and seq > since

    def set_streams(self, streams: tuple[Stream, ...]) -> None:
        """Replace the streams of this person."""
        self.streams = streams
        self.in_standby = any(stream.lane is Lane.STANDBY for stream in streams)

    def count(self, seqs: Sequence[int]) -> None:
        """Add unread rows, by their seqs in ascending order; each is an event of its own."""
        if self._since_count is not None:
            self._since_count.extend(seqs)
        if seqs and seqs[0] > self.counted_to:
            self.unread += len(seqs)
        else:
            self.unread += sum(seq > self.counted_to for seq in seqs)

    @property
    def count_is_due(self) -> bool:
        """Tell whether `unread` waits for the database's answer."""
        return self.count_again or self._since_count is not None

    def begin_count(self) -> None:
        """Collect the rows that come while the database counts."""
        self.count_again = False
        self._since_count = []

    def end_count(self, unread: int, seq: int) -> None:
        """Take the database's count of `unread` events up to `seq`, and add the rows that came after that."""
        came = self._since_count or []
        self.counted_to = seq
        self.unread = unread + sum(each > seq for each in came)
        self._since_count = None

    def tell_count(self) -> None:
        """Write the count to all streams where it is known and differs from the last one that was written."""
        if self.counted_to >= 0 and not self.count_is_due and self.unread != self.count_told:
            self.count_told = self.unread
            self.write(frames.counts(self.unread))

    def write(self, data: bytes, *lanes: Lane) -> None:
        """Write `data` to the streams of `lanes`, or of every lane where none is named, and count it."""
        written.note(data, self.put(data, *lanes))

    def put(self, data: bytes, *lanes: Lane) -> int:
        """Write as `write` does, and return to how many streams; whoever calls it counts them."""
        return sum(stream.put(data) for stream in self.streams if not lanes or stream.lane in lanes)
