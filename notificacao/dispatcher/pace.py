"""How fast to send: as fast as one can, until the other side says that it is too fast. Pure: an injected clock."""

from collections.abc import Callable

_FIRST_GAP = 0.02  # seconds between two departures
_LONGEST_GAP = 5.0
_RECOVERY = 0.8  # of the gap is left after each departure that went well
_NO_GAP = 0.001


class Pace:
    """The gap between departures doubles each time we were too fast, and shrinks while all goes well.

    `clock` gives monotonic seconds. For one event loop: it takes no lock.
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._gap = 0.0
        self._next = 0.0
        self._slowed_at = 0.0

    def wait(self) -> float:
        """Seconds until the next departure is due; 0 where it is due now."""
        return max(0.0, self._next - self._clock())

    def departed(self) -> float:
        """Call at each departure; the moment of it, to be given back with its outcome."""
        now = self._clock()
        self._next = max(self._next, now + self._gap)
        return now

    def went_well(self, departed: float) -> None:
        """That departure was not too fast; one from before the last slowing down tells nothing of the new pace."""
        if departed >= self._slowed_at:
            self._gap = self._gap * _RECOVERY if self._gap > _NO_GAP else 0.0

    def too_fast(self, departed: float, retry_after: float | None) -> None:
        """That departure was too fast. `retry_after`: how many seconds the other side wants to be left alone."""
        now = self._clock()
        if departed >= self._slowed_at:  # many in flight at once are told the same: slow down once
            self._gap = min(max(2 * self._gap, _FIRST_GAP), _LONGEST_GAP)
            self._slowed_at = now
        self._next = max(self._next, now + (self._gap if retry_after is None else retry_after))
