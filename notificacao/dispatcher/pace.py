"""Pace what can be too frequent: requests to Ably, by what it says of them, and stamps, by what comes meanwhile.

Pure: the clock is injected.
"""

import math
from collections.abc import Callable

_FIRST_GAP = 0.02  # seconds between two departures
_LONGEST_GAP = 5.0  # seconds
_RECOVERY = 0.8  # share of the gap that is left after each departure that went well
_NO_GAP = 0.001  # seconds; a gap as short as this counts as none
_COMPANY = 3  # rows in one stamp that tell of more to come


class Pace:
    """Keep the gap between two departures: it doubles each time Ably says "too fast", and shrinks while all goes well.

    `clock` gives monotonic seconds. A pace is for one event loop: it takes no lock.
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._gap = 0.0
        self._next = 0.0
        self._slowed_at = 0.0

    def wait(self) -> float:
        """Return the seconds until the next departure is due; 0 where it is due now."""
        return max(0.0, self._next - self._clock())

    def departed(self) -> float:
        """Note a departure, and return its moment in monotonic seconds, which is to be given back with its outcome."""
        now = self._clock()
        self._next = max(self._next, now + self._gap)
        return now

    def went_well(self, departed: float) -> None:
        """Shorten the gap after a departure that was not too fast.

        A departure from before the last slowing down tells nothing of the new pace, and changes nothing.
        """
        if departed >= self._slowed_at:
            self._gap = self._gap * _RECOVERY if self._gap > _NO_GAP else 0.0

    def too_fast(self, departed: float, retry_after: float | None) -> None:
        """Double the gap after a departure that was too fast, and put off the next.

        `retry_after`: seconds for which Ably asks for a pause; None where it names none, and the gap is the pause.
        """
        now = self._clock()
        if departed >= self._slowed_at:  # many requests in flight are told the same: slow down once
            self._gap = min(max(2 * self._gap, _FIRST_GAP), _LONGEST_GAP)
            self._slowed_at = now
        self._next = max(self._next, now + (self._gap if retry_after is None else retry_after))


class StampPace:
    """Let a stamp wait for company where there is some, as Nagle's algorithm does with bytes.

    A lone row is stamped at once. Where more came while the last stamp was under way, or it took several rows, the next
    begins `gap` seconds after the last one began, at the earliest: a stamp costs the same for one row as for ten.
    `clock` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._began = -math.inf
        self._has_company = False

    def began(self) -> None:
        """Note that a stamp begins now."""
        self._began = self._clock()

    def ended(self, rows: int, more_came: bool) -> None:
        """Note that the stamp took `rows` rows, and whether a wake came meanwhile."""
        self._has_company = more_came or rows >= _COMPANY

    def wait(self, gap: float) -> float:
        """Return the seconds until the next stamp is due; 0 where it is due now."""
        return max(0.0, self._began + gap - self._clock()) if self._has_company else 0.0
