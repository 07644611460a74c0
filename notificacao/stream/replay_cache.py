"""Cache the rows that the hub saw last: a page that returns after a short absence is answered without a query."""

import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from notificacao import eventlog, wire
from notificacao.eventlog import Cursor
from notificacao.models import Notification
from notificacao.stream import frames

KEPT_FOR = 60.0  # seconds
KEPT = 1_000  # rows


@dataclass(frozen=True, slots=True)
class ReplayPage:
    """Hold frames in the log's order; all that is permitted up to `complete_to` is in this page or before it."""

    frames: list[bytes]
    complete_to: Cursor


class _CachedRow:
    """Hold a row, the monotonic time at which the hub saw it, and its frame once a page asked for that.

    Of a row that the hub passed over it holds the channel alone.
    """

    __slots__ = ("at", "channel", "frame", "row", "seq")

    def __init__(self, seq: int, channel: str, at: float, row: Notification | None = None):
        self.row = row
        self.channel = channel
        self.seq = seq
        self.at = at
        self.frame = b""  # encoded once a page asks for it

    @classmethod
    def of(cls, row: Notification, at: float) -> "_CachedRow":
        assert row.seq is not None
        return cls(row.seq, row.channel, at, row)


class ReplayCache:
    """Hold each row from beyond a place in the log up to the hub's position, and of those passed over the channel.

    Rows are held for KEPT_FOR seconds, and no more than KEPT of them. It answers nothing where its answer could differ
    from the log's: it has no row from before that place, none of another epoch, and whether a row has expired is for
    the database's clock to decide.
    """

    def __init__(self) -> None:
        self.restart(Cursor("", 0))

    def restart(self, after: Cursor) -> None:
        """Drop all rows, and hold from here on those after `after`, in its epoch."""
        self._epoch = after.epoch
        self._after = after.seq
        self._rows: list[_CachedRow] = []

    def add(self, since: Cursor, rows: list[Notification], trimmed_to: int) -> None:
        """Add `rows`, all that were stamped after `since`, in order; the hub is about to go through them."""
        now = time.monotonic()
        self._add(since, [_CachedRow.of(row, now) for row in rows], now)
        self._after = max(self._after, trimmed_to)

    def pass_over(self, since: Cursor, channels: Sequence[str]) -> None:
        """Note that the rows after `since` are of `channels`, one each: whoever may have one of them asks the log."""
        now = time.monotonic()
        self._add(since, [_CachedRow(seq, name, now) for seq, name in enumerate(channels, since.seq + 1)], now)

    def _add(self, since: Cursor, rows: list[_CachedRow], now: float) -> None:
        if since.epoch != self._epoch:
            self.restart(since)
        del self._rows[self._place(since.seq) :]  # the hub repeats a read that failed
        self._rows += rows
        too_old = bisect_right(self._rows, now - KEPT_FOR, key=attrgetter("at"))
        if forgotten := max(0, too_old, len(self._rows) - KEPT):
            self._after = self._rows[forgotten - 1].seq
            del self._rows[:forgotten]

    def read_after(self, cursor: Cursor, channels: Mapping[str, int], limit: int, up_to: Cursor) -> ReplayPage | None:
        """Return at most `limit` permitted rows after `cursor`, none beyond the hub's position `up_to`.

        `channels` is `{channel: since}`. None: the log has to be asked.
        """
        if not cursor.epoch == up_to.epoch == self._epoch or not self._after <= cursor.seq <= up_to.seq:
            return None
        found: list[bytes] = []
        for cached in self._rows[self._place(cursor.seq) : self._place(up_to.seq)]:
            since = channels.get(cached.channel)
            if since is None or cached.seq <= since:
                continue
            if cached.row is None or cached.row.expires_at is not None:
                return None
            found.append(self._frame_of(cached, cached.row))
            if len(found) == limit:
                return ReplayPage(found, Cursor(self._epoch, cached.seq))
        return ReplayPage(found, up_to)

    def _place(self, seq: int) -> int:
        """Return the index of the first row beyond `seq`."""
        return bisect_right(self._rows, seq, key=attrgetter("seq"))

    def _frame_of(self, cached: _CachedRow, row: Notification) -> bytes:
        """Return the row's frame, which is encoded once."""
        cached.frame = cached.frame or frames.notification(wire.encode(row), eventlog.place_of(row, self._epoch))
        return cached.frame
