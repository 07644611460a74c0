"""The circuit breaker: whether it is worth knocking at Ably's door. Pure: no Django, no I/O, an injected clock.

Closed, all pass and outcomes are counted over a sliding window. Too large a share of failures, in enough of them,
opens it: nobody passes until the cooldown is over. Then it is half-open: one probe at a time, and the probe decides.
"""

from collections import deque
from collections.abc import Callable

CLOSED = "closed"
OPEN = "open"
HALF_OPEN = "half_open"


class Breaker:
    """For one event loop or one thread: it takes no lock.

    `clock` gives monotonic seconds; `window` and `cooldown` are seconds; `threshold` is the share of failures
    (0 to 1) at which it opens, once at least `minimum` outcomes lie in the window.
    A breaker created open has its cooldown behind it: the next caller is the probe.
    """

    def __init__(  # noqa: PLR0913 – these numbers are what a breaker is
        self,
        *,
        clock: Callable[[], float],
        state: str = OPEN,
        window: float = 10.0,
        minimum: int = 5,
        threshold: float = 0.5,
        cooldown: float = 5.0,
    ):
        self._clock = clock
        self._state = state
        self._window = window
        self._minimum = minimum
        self._threshold = threshold
        self._cooldown = cooldown
        self._outcomes: deque[tuple[float, bool]] = deque()  # (when, succeeded), oldest first
        self._may_probe_at = clock()
        self.reason = "" if state == CLOSED else "Ably was not reached yet."

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
        if now < self._may_probe_at:
            return False
        self._state = HALF_OPEN
        self._may_probe_at = now + self._cooldown
        return True

    def success(self) -> None:
        """The other side answered and took what it was given."""
        if self._state == CLOSED:
            self._count(succeeded=True)
        elif self._state == HALF_OPEN:
            self._close()

    def failure(self, reason: str) -> None:
        """The other side failed, and not by a fault of ours."""
        if self._state == HALF_OPEN:
            self._open(reason)
        elif self._state == CLOSED:
            self._count(succeeded=False)
            if self._fails_too_often():
                self._open(reason)
        # Open: a caller from before the opening tells nothing new, and must not lengthen the cooldown.

    def _count(self, *, succeeded: bool) -> None:
        now = self._clock()
        self._outcomes.append((now, succeeded))
        while self._outcomes[0][0] <= now - self._window:
            self._outcomes.popleft()

    def _fails_too_often(self) -> bool:
        total = len(self._outcomes)
        failed = sum(not succeeded for _, succeeded in self._outcomes)
        return total >= self._minimum and failed >= self._threshold * total

    def _open(self, reason: str) -> None:
        self._state = OPEN
        self._may_probe_at = self._clock() + self._cooldown
        self._outcomes.clear()
        self.reason = reason

    def _close(self) -> None:
        self._state = CLOSED
        self.reason = ""
