"""A page of the inbox without its network: the rules of `client.js`, and the history of what it was given."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.faults.completeness import Completeness, parse
from tests.faults.history import Arrival, Client, Path


def _expired(row: Mapping) -> bool:
    return row["expires_at"] is not None and datetime.fromisoformat(row["expires_at"]).timestamp() <= time.time()


@dataclass(frozen=True)
class Saved:
    """A cursor, how many rows had come by then, and of which channels it tells."""

    cursor: str
    arrivals: int
    channels: frozenset[str]


class Page:
    """Whoever drives it opens streams, passes on what comes, and fetches what the flags ask for.

    `lacks`: catch-up; `wants_session`: the session again; `wants_restart`: session and list again, from the beginning;
    `wants_reopening`: the open stream does not speak for every channel. `lane_by_session`: that of its transport.
    """

    def __init__(self, name: str, session: dict, rows: list[dict], *, expired: Callable[[Mapping], bool] = _expired):
        self.history = Client(name, start=parse(session["position"])[1])
        self.saved: list[Saved] = []  # every cursor that it ever went on from, or could have
        self.lane: str | None = None
        self._seen: set[str] = set()
        self.connection = 0  # how many streams it opened
        self._opening: int | None = None
        self._expired = expired
        self.begin(session, rows)

    def begin(self, session: dict, rows: list[dict]) -> None:
        """The list anew: `rows`, of which the page may not have known."""
        self.state = Completeness(session["position"], session["channels"])
        self.wants_restart = False
        for row in rows:
            if row["seq"] > self.history.start:
                self._take(row, Path.LIST)
        self.apply(session)

    def apply(self, session: dict) -> None:
        """What the session says now."""
        self.wants_session = False
        self.lane_by_session = "standby" if session.get("transport") == "ably" else "live"
        if parse(session["position"])[0] != self.state.epoch:
            self.wants_restart = True
            return
        self.state.hear(session["channels"])
        self._save()

    # --- The stream

    def open(self, lane: str) -> str:
        """The cursor with which a new stream of that lane is asked for."""
        self.close()
        self.lane = lane
        self.connection += 1
        cursor = self.state.safe_cursor()
        self._opening = parse(cursor)[1]
        return cursor

    def close(self) -> None:
        self.lane = self._opening = None
        self.state.close_stream()

    @property
    def wants_reopening(self) -> bool:
        return self.lane is not None and self._opening is None and self.state.uncovered()

    def hear(self, name: str, data: Any, event_id: str | None) -> None:
        """One event of the open stream."""
        if name == "notification":
            self.state.shown(data)
            if event_id:
                self.state.sent_to(parse(event_id)[1])
            self._take(data, Path.LIVE if self.lane == "live" else Path.STANDBY)
        elif name == "heartbeat" and event_id:
            self.state.sent_to(parse(event_id)[1])
        elif name == "heads":
            self._hear_heads(data)
        elif name == "session" and data.get("transport") == "sse":
            self.lane_by_session = "live"
        elif name == "session":
            self.wants_session = True
        elif name == "resync":
            self.wants_restart = True
        self._save()

    def _hear_heads(self, data: dict) -> None:
        epoch, seq = parse(data["position"])
        if epoch != self.state.epoch:
            self.wants_restart = True
            return
        if self._opening is not None:
            self.state.open_stream(self._opening, list(data["channels"]))
            self._opening = None
        if data["channels"].keys() - self.state.channels.keys() or self.state.uncovered():
            self.wants_session = True
        self.state.reach(seq, data["channels"])

    def hear_beside(self, row: dict, epoch: str, path: Path) -> None:
        """One row that came by Ably, or from the tab that leads."""
        if epoch != self.state.epoch:
            self.wants_restart = True
            return
        self.state.shown(row)
        self._take(row, path)
        self._save()

    # --- Catch-up

    @property
    def lacks(self) -> bool:
        return bool(self.state.lacking())

    def ask(self) -> tuple[str, str | None]:
        """The cursor to catch up from, and the one channel that is asked for, or None."""
        names = self.state.lacking()
        only = names[0] if len(names) == 1 else None
        return self.state.safe_cursor(only), only

    def catch_up(self, answer: dict, cursor: str, only: str | None) -> None:
        """`answer` to what was asked."""
        epoch, seq = parse(answer["complete_to"])
        if epoch == self.state.epoch:
            for row in answer["results"]:
                self._take(row, Path.CATCH_UP)
            self.state.caught_up(parse(cursor)[1], seq, only)
            self._save()

    # --- Showing

    def _take(self, row: dict, path: Path) -> None:
        shown = row["event_id"] not in self._seen and not self._expired(row)
        if shown:
            self._seen.add(row["event_id"])
        names = ("id", "event_id", "channel", "seq", "prev_seq")
        arrival = Arrival(
            **{name: row[name] for name in names},
            path=path,
            connection=self.connection,
            shown=shown,
            at=time.time(),
        )
        self.history.arrivals.append(arrival)

    def _save(self) -> None:
        cursor = self.state.safe_cursor()
        if not self.saved or self.saved[-1].cursor != cursor:
            self.saved.append(Saved(cursor, len(self.history.arrivals), frozenset(self.state.channels)))
        self.history.complete = {name: channel.complete for name, channel in self.state.channels.items()}
