"""The history checker: what clients saw, held against what was committed. Pure: it reads no clock and no database."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Path(StrEnum):
    """How a row came to a client."""

    LIVE = "live"
    STANDBY = "standby"
    ABLY = "ably"
    RELAYED = "relayed"  # by the tab that leads
    CATCH_UP = "catch-up"
    LIST = "list"  # the page's list, at its start or after a resync


@dataclass(frozen=True)
class Row:
    """One row as its producer knows it, with its place in the log; `seq` None: it has none.

    `began` is before the insert, `ended` after the answer to the commit, both by one monotonic clock, in seconds;
    `expires_at` is seconds of the epoch.
    """

    id: str
    event_id: str
    channel: str
    committed: bool = True
    seq: int | None = None
    prev_seq: int | None = None
    began: float = 0.0
    ended: float = 0.0
    expires_at: float | None = None


@dataclass(frozen=True)
class Hearing:
    """A channel's rows after `since` are theirs, up to `until`; those up to `grace` may still have come."""

    channel: str
    since: int = 0
    until: int | None = None
    grace: int | None = None

    def owes(self, row: Row) -> bool:
        return self._covers(row, self.until)

    def permits(self, row: Row) -> bool:
        return self._covers(row, self.until if self.grace is None else self.grace)

    def _covers(self, row: Row, until: int | None) -> bool:
        return self.channel == row.channel and self.since < row.seq and (until is None or row.seq <= until)


@dataclass(frozen=True)
class Arrival:
    """One row that reached a page, shown or not; `connection` counts the page's streams, `at` is in seconds."""

    id: str
    event_id: str
    channel: str
    seq: int
    prev_seq: int
    path: Path
    connection: int
    shown: bool
    at: float = 0.0


@dataclass
class Client:
    """What one page saw, in order, and what it believes: `complete`, the seq up to which it lacks nothing, by channel.

    `start`: what lies up to there was in the list that it began with.
    """

    name: str
    start: int = 0
    hearings: list[Hearing] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    complete: dict[str, int] = field(default_factory=dict)

    @property
    def shown(self) -> set[str]:
        """The events that it showed."""
        return {arrival.event_id for arrival in self.arrivals if arrival.shown}


@dataclass(frozen=True)
class Fault:
    rule: str
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.who}: {self.what}"


def check(rows: Iterable[Row], clients: Iterable[Client], *, now: float, heads: Mapping[str, int] = {}) -> list[Fault]:
    """Everything that is wrong, once all is quiet at `now`; `heads`: each channel's last seq before the first row."""
    rows = list(rows)
    log = {row.id: row for row in rows}
    faults = list(_log(rows, heads))
    by_channel: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_channel[row.channel].append(row)
    for client in clients:
        faults += _arrivals(client, log)
        faults += _order(client)
        heard = {hearing.channel for hearing in client.hearings}
        faults += _completeness(client, [row for channel in heard for row in by_channel[channel]], now)
    return faults


def owed(client: Client, rows: Iterable[Row], now: float) -> Iterator[Row]:
    """The rows that `client` has to have shown by `now`."""
    for row in rows:
        counts = row.committed and row.seq is not None and row.seq > client.start
        lives = row.expires_at is None or row.expires_at > now
        if counts and lives and any(hearing.owes(row) for hearing in client.hearings):
            yield row


def _log(rows: list[Row], heads: Mapping[str, int]) -> Iterator[Fault]:
    """Each committed row is in the log once, linked to its channel's row before, and after what was committed before
    it was begun."""
    stamped = sorted((row for row in rows if row.seq is not None), key=lambda row: row.seq)
    last = dict(heads)
    seqs = Counter(row.seq for row in stamped)
    committed_later = float("inf")
    for row in reversed(stamped):
        if committed_later < row.began:
            yield Fault("stamped out of order", "log", f"{row.seq} began when a later one was committed")
        committed_later = min(committed_later, row.ended)
    for row in stamped:
        if not row.committed:
            yield Fault("rolled back", "log", f"{row.id} has a place in the log")
        if seqs[row.seq] > 1:
            yield Fault("seq given twice", "log", str(row.seq))
        if row.prev_seq != last.get(row.channel, 0):
            yield Fault("broken chain", "log", f"{row.seq} follows {row.prev_seq}, not {last.get(row.channel, 0)}")
        last[row.channel] = row.seq
    for row in rows:
        if row.committed and row.seq is None:
            yield Fault("not stamped", "log", row.id)


def _arrivals(client: Client, log: Mapping[str, Row]) -> Iterator[Fault]:
    """Only what was committed, only as it is in the log, only to whom it is addressed, each event shown once."""
    shown = Counter(arrival.event_id for arrival in client.arrivals if arrival.shown)
    for event_id, times in shown.items():
        if times > 1:
            yield Fault("shown twice", client.name, event_id)
    for arrival in client.arrivals:
        row = log.get(arrival.id)
        if row is None or not row.committed:
            yield Fault("rolled back", client.name, f"{arrival.id} came by {arrival.path}")
            continue
        if (row.event_id, row.channel, row.seq, row.prev_seq) != (
            arrival.event_id,
            arrival.channel,
            arrival.seq,
            arrival.prev_seq,
        ):
            yield Fault("altered", client.name, f"{arrival} is not {row}")
        elif not any(hearing.permits(row) for hearing in client.hearings):
            yield Fault("seen by others", client.name, f"{row.seq} of {row.channel} came by {arrival.path}")
        if arrival.shown and row.expires_at is not None and arrival.at > row.expires_at:
            yield Fault("shown though expired", client.name, str(row.seq))


def _order(client: Client) -> Iterator[Fault]:
    """A live stream sends each row once, in the log's order."""
    last: dict[int, int] = defaultdict(int)
    for arrival in client.arrivals:
        if arrival.path is Path.LIVE:
            if arrival.seq <= last[arrival.connection]:
                yield Fault("out of order", client.name, f"{arrival.seq} after {last[arrival.connection]}")
            last[arrival.connection] = arrival.seq


def _completeness(client: Client, rows: list[Row], now: float) -> Iterator[Fault]:
    """What is owed was shown, and the page knows that it lacks nothing."""
    shown = client.shown
    last: dict[str, int] = {}
    for row in owed(client, rows, now):
        last[row.channel] = max(row.seq, last.get(row.channel, 0))
        if row.event_id not in shown:
            believed = client.complete.get(row.channel, 0) >= row.seq
            yield Fault("lost", client.name, f"{row.seq} of {row.channel}" + (", and does not know it" * believed))
    for channel, seq in last.items():
        if client.complete.get(channel, 0) < seq:
            yield Fault("incomplete", client.name, f"{channel} up to {client.complete.get(channel)}, not {seq}")


def placed(rows: Iterable[Row], log: Mapping[str, tuple[int | None, int | None]]) -> list[Row]:
    """`rows` with what `log`, `{id: (seq, prev_seq)}`, says of them; a commit of unknown fate is what the log says."""
    return [
        replace(row, committed=row.id in log if row.committed is None else row.committed, seq=seq, prev_seq=prev)
        for row in rows
        for seq, prev in [log.get(row.id, (None, None))]
    ]
