"""Note when a loop last did its work: a task that exists may have done nothing for long."""

import time


class Rounds:
    """Hold the moment at which a round last succeeded, by the monotonic clock."""

    def __init__(self) -> None:
        self._succeeded_at: float | None = None

    def succeeded(self) -> None:
        """Note that a round succeeded now."""
        self._succeeded_at = time.monotonic()

    @property
    def age(self) -> float | None:
        """Return the seconds since a round succeeded; None where none ever did."""
        return None if self._succeeded_at is None else time.monotonic() - self._succeeded_at
