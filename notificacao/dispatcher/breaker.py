"""Decide whether a request to Ably is worth making: a circuit breaker. Pure: no Django, no I/O, an injected clock.

Closed, it lets every request pass and counts outcomes over a sliding window. Too large a share of failures, or of
failures and slow answers, opens it: no request passes until the cooldown is over. Then it is half-open: one probe at a
time passes, and the probe's outcome closes or opens it. Forced, it stays as it was put, whatever the outcomes.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

CLOSED = "closed"
OPEN = "open"
HALF_OPEN = "half_open"

_GOOD, _SLOW, _FAILED = "good", "slow", "failed"


class Reason(NamedTuple):
    """Give the reason why the breaker is not closed, or would not be: `staff` in Portuguese, `log` in English."""

    staff: str
    log: str


NO_REASON = Reason("", "")
NOT_REACHED_YET = Reason("o Ably ainda não foi contatado", "Ably was not reached yet.")


class Breaker:
    """Count the outcomes of requests and tell whether the next may go ahead, for one event loop or one thread: no lock.

    `clock` gives monotonic seconds. The window holds the last `volume` outcomes that are younger than `window` seconds:
    the count lets the breaker follow a busy hour within a moment, the age lets it forget in a quiet night. It opens
    once the share of failures reaches `threshold`, or that of failures and slow answers `slow_threshold` (0 to 1),
    among `minimum` outcomes or more. `cooldown` is seconds. Created open, it has its cooldown behind it: the next
    caller is the probe.
    """

    def __init__(  # noqa: PLR0913 – a breaker consists of these numbers
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
        self._outcomes: deque[tuple[float, str]] = deque(maxlen=volume)  # (monotonic seconds, outcome), oldest first
        self._may_probe_at = clock()
        self.forced = False
        self.reason = NO_REASON if state == CLOSED else NOT_REACHED_YET

    @property
    def state(self) -> str:
        """Return `closed`, `open` or `half_open`. Only `admit()` turns open into half-open."""
        return self._state

    def admit(self) -> bool:
        """Return whether the caller may go ahead. In half-open that makes the caller the probe, which owes an outcome.

        A probe that never reports one gives up its place after another cooldown.
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
        """Count an answer in time: Ably took what it was given."""
        self._hear(_GOOD, NO_REASON)

    def slow(self, reason: Reason) -> None:
        """Count a slow outcome: Ably does not answer in time, or asks for less than it gets."""
        self._hear(_SLOW, reason)

    def failure(self, reason: Reason) -> None:
        """Count a failure of Ably's, and not one by a fault of ours."""
        self._hear(_FAILED, reason)

    def trip(self, reason: Reason) -> None:
        """Open the breaker at once, since it is certain that no request gets through."""
        if self.forced:
            self.reason = reason
        elif self._state != OPEN:
            self._open(reason)

    def force(self, state: str) -> None:
        """Keep the breaker `closed` or `open` until `release()`. Forced closed, `reason` tells the last failure."""
        self.forced = True
        self._state = state
        self.reason = NO_REASON
        self._outcomes.clear()

    def release(self) -> None:
        """Judge by outcomes again: from open by a probe at once, from closed with an empty window."""
        self.forced = False
        self._may_probe_at = self._clock()

    def _hear(self, what: str, reason: Reason) -> None:
        """Apply one outcome, `what`: `good`, `slow` or `failed`."""
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
        # An open breaker ignores outcomes: their requests left before it opened, and must not lengthen the cooldown.

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
