"""Decide which rows the standby lane still owes: those that Ably was to carry and has not settled."""

import math
from dataclasses import dataclass
from datetime import datetime

from notificacao.database import clock
from notificacao.models import DispatchState, Notification
from notificacao.rollout import Rollout
from notificacao.stream import frames

PATIENCE = 1.0  # seconds after which a row that is still unsettled is written anyway
# Seconds until the pages are back on an Ably that is in use again: its SDK gives up an attempt after 10, and makes the
# next one up to 30 later. What Ably takes meanwhile does not reach them.
RETURN = 40.0


@dataclass(frozen=True)
class OwedRow:
    """Hold a row that may still have to go down the standby lane; `seen_at` is on the caller's monotonic clock."""

    channel: str
    seq: int
    frame: bytes
    seen_at: float
    expires_at: datetime | None
    traceparent: str | None = None

    @property
    def expired(self) -> bool:
        """Tell whether the row has expired by the database's clock."""
        return self.expires_at is not None and self.expires_at <= clock.now()


class StandbyLane:
    """Decide when a row goes down the standby streams. Time is the caller's monotonic clock, in seconds.

    A row goes at once where Ably is out of use, or was so with pages waiting less than `RETURN` ago, or where the row
    settled as failed or skipped. It does not go where Ably took it, or where it expired meanwhile. Any other row goes
    when it is still unsettled `PATIENCE` after it was first seen.
    """

    def __init__(self) -> None:
        self._owed: dict[int, OwedRow] = {}
        self._pages_are_back_at = -math.inf

    @property
    def unsettled(self) -> list[int]:
        """Return the seqs of the rows that are owed."""
        return list(self._owed)

    def add(self, row: Notification, line: str, now: float) -> None:
        """Hold a new row that somebody in standby may see; `line` is its JSON."""
        assert row.seq is not None
        if row.dispatch_state != DispatchState.PUBLISHED or now < self._pages_are_back_at:
            frame = frames.notification(line, None)
            self._owed[row.seq] = OwedRow(row.channel, row.seq, frame, now, row.expires_at, row.traceparent)

    def due(self, states: dict[int, str], rollout: Rollout, now: float, *, pages: int = 1) -> list[OwedRow]:
        """Return the rows to write now, in the log's order, and owe them no more.

        `states` is `{seq: dispatch state}` as last read, `pages` the number of people with a page in standby.
        """
        out_of_use = rollout.off or not rollout.ably_up
        if out_of_use and pages:
            self._pages_are_back_at = now + RETURN
        every_row = out_of_use or now < self._pages_are_back_at
        due = []
        for seq, owed in sorted(self._owed.items()):
            state = states.get(seq, DispatchState.PENDING)
            taken = state == DispatchState.PUBLISHED and not every_row
            if taken or owed.expired:
                del self._owed[seq]
            elif every_row or state != DispatchState.PENDING or now - owed.seen_at >= PATIENCE:
                due.append(self._owed.pop(seq))
        return due

    def clear(self) -> None:
        """Drop all rows that are owed: they belong to an epoch that is over."""
        self._owed.clear()
