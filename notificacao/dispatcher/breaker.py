"""The circuit breaker: whether it is worth knocking at Ably's door. Pure: no Django, no I/O, an injected clock.

Closed, all pass and outcomes are counted over a sliding window. Too large a share of failures, or of failures and slow
answers, opens it: nobody passes until the cooldown is over. Then it is half-open: one probe at a time, and the probe
decides. Forced, it stays as it was put, whatever happens.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

CLOSED = "closed"
OPEN = "open"
HALF_OPEN = "half_open"

_GOOD, _SLOW, _FAILED = "good", "slow", "failed"


class Reason(NamedTuple):
    """Why the breaker is not closed, or would not be: for staff, in Portuguese, and for the log, in English."""

    staff: str
    log: str


NO_REASON = Reason("", "")
NOT_REACHED_YET = Reason("o Ably ainda não foi contatado", "Ably was not reached yet.")


class Breaker:
    """For one event loop or one thread: it takes no lock.

    `clock` gives monotonic seconds. The window holds the last `volume` outcomes that are younger than `window` seconds:
    by the count it follows a busy hour within a moment, by the time a quiet night forgets. It opens once the share of
    failures reaches `threshold`, or that of failures and slow answers `slow_threshold` (0 to 1), among `minimum`
    outcomes or more. `cooldown` is seconds. Created open, it has its cooldown behind it: the next caller is the probe.
    """

    def __init__(  # noqa: PLR0913 – these numbers are what a breaker is
        self,
        *,
        clock: Callable[[], float],
        state: str = OPEN,
        window: float = 60.0,
        volume: int = 50,
        minimum: int = 5,
        threshold: float = 0.5,
        slow_threshold: float = 0.5,
        cooldown: float = 5.0,
    ):
        self._clock = clock
        self._state = state
        self._window = window
        self._minimum = minimum
        self._threshold = threshold
        self._slow_threshold = slow_threshold
        self._cooldown = cooldown
        self._outcomes: deque[tuple[float, str]] = deque(maxlen=volume)  # (when, what), oldest first
        self._may_probe_at = clock()
        self.forced = False
        self.reason = NO_REASON if state == CLOSED else NOT_REACHED_YET

    @property
    def state(self) -> str:
        """`closed`, `open` or `half_open`. Only `admit()` turns open into half-open."""
        return self._state

    def admit(self) -> bool:
        """Whether the caller may go ahead. In half-open that makes the caller the probe: they owe an outcome.

        A probe that never tells one gives up its place after another cooldown.
        """
        if self._state == CLOSED:
            return True
        now = self._clock()
        if self.forced or now < self._may_probe_at:
            return False
        self._state = HALF_OPEN
        self._may_probe_at = now + self._cooldown
        return True

    def success(self) -> None:
        """The other side answered and took what it was given."""
        self._hear(_GOOD, NO_REASON)

    def slow(self, reason: Reason) -> None:
        """The other side does not answer in time, or asks for less than it gets."""
        self._hear(_SLOW, reason)

    def failure(self, reason: Reason) -> None:
        """The other side failed, and not by a fault of ours."""
        self._hear(_FAILED, reason)

    def trip(self, reason: Reason) -> None:
        """Nobody can get through, that is certain: open at once."""
        if self.forced:
            self.reason = reason
        elif self._state != OPEN:
            self._open(reason)

    def force(self, state: str) -> None:
        """Keep it `closed` or `open` until `release()`. Forced closed, `reason` tells the last failure."""
        self.forced = True
        self._state = state
        self.reason = NO_REASON
        self._outcomes.clear()

    def release(self) -> None:
        """Judge by outcomes again: from open by a probe at once, from closed with an empty window."""
        self.forced = False
        self._may_probe_at = self._clock()

    def _hear(self, what: str, reason: Reason) -> None:
        if self.forced:
            self.reason = reason
        elif self._state == HALF_OPEN:
            if what == _GOOD:
                self._state, self.reason = CLOSED, NO_REASON
            else:
                self._open(reason)
        elif self._state == CLOSED:
            self._count(what)
            if what != _GOOD and self._is_too_bad():
                self._open(reason)
        # Open: a caller from before the opening tells nothing new, and must not lengthen the cooldown.

    def _count(self, what: str) -> None:
        now = self._clock()
        self._outcomes.append((now, what))
        while self._outcomes[0][0] <= now - self._window:
            self._outcomes.popleft()

    def _is_too_bad(self) -> bool:
        heard = [what for _, what in self._outcomes]
        failed, slow = heard.count(_FAILED), heard.count(_SLOW)
        return len(heard) >= self._minimum and (
            failed >= self._threshold * len(heard) or failed + slow >= self._slow_threshold * len(heard)
        )

    def _open(self, reason: Reason) -> None:
        self._state = OPEN
        self._may_probe_at = self._clock() + self._cooldown
        self._outcomes.clear()
        self.reason = reason
