"""The rows that the hub saw last: who comes back after a short absence is answered from here, without a query."""

import time
from bisect import bisect_right
from collections.abc import Mapping
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
    """Frames in the log's order; all that is permitted up to `complete_to` is in this piece or before it."""

    frames: list[bytes]
    complete_to: Cursor


class _Seen:
    __slots__ = ("at", "frame", "row", "seq")

    def __init__(self, row: Notification, at: float):
        assert row.seq is not None
        self.row = row
        self.seq = row.seq
        self.at = at
        self.frame = b""  # once somebody asked for it


class ReplayCache:
    """Each row from beyond a place in the log up to the hub's position, whoever may see it.

    Where it could say anything else than the log it says nothing: it knows no row from before that place, none of
    another life of the log, and whether a row has expired is for the database's clock to decide.
    """

    def __init__(self) -> None:
        self.begin(Cursor("", 0))

    def begin(self, after: Cursor) -> None:
        """In another life of the log: nothing of the one before is told."""
        self._epoch = after.epoch
        self._after = after.seq
        self._seen: list[_Seen] = []

    def see(self, since: Cursor, rows: list[Notification], trimmed_to: int) -> None:
        """`rows` are all that were stamped after `since`, in order; the hub is about to go through them."""
        if since.epoch != self._epoch:
            self.begin(since)
        now = time.monotonic()
        del self._seen[self._place(since.seq) :]  # a look that failed is repeated
        self._seen += [_Seen(row, now) for row in rows]
        too_old = bisect_right(self._seen, now - KEPT_FOR, key=attrgetter("at"))
        if forgotten := max(0, too_old, len(self._seen) - KEPT):
            self._after = self._seen[forgotten - 1].seq
            del self._seen[:forgotten]
        self._after = max(self._after, trimmed_to)

    def read_after(self, cursor: Cursor, channels: Mapping[str, int], limit: int, up_to: Cursor) -> ReplayPage | None:
        """At most `limit` permitted rows after `cursor`, up to the hub's position `up_to`; None: ask the log."""
        if not cursor.epoch == up_to.epoch == self._epoch or not self._after <= cursor.seq <= up_to.seq:
            return None
        found: list[bytes] = []
        for seen in self._seen[self._place(cursor.seq) : self._place(up_to.seq)]:
            since = channels.get(seen.row.channel)
            if since is None or seen.seq <= since:
                continue
            if seen.row.expires_at is not None:
                return None
            found.append(self._frame_of(seen))
            if len(found) == limit:
                return ReplayPage(found, Cursor(self._epoch, seen.seq))
        return ReplayPage(found, up_to)

    def _place(self, seq: int) -> int:
        """Of the first row beyond `seq`."""
        return bisect_right(self._seen, seq, key=attrgetter("seq"))

    def _frame_of(self, seen: _Seen) -> bytes:
        seen.frame = seen.frame or frames.notification(wire.encode(seen.row), eventlog.place_of(seen.row, self._epoch))
        return seen.frame
