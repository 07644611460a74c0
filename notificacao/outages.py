"""Tell of what happens again and again in few lines: the first at once, then one a minute that says how often."""

import threading
import time
from collections.abc import Callable

TOLD_EVERY = 60.0  # seconds


class Repeats:
    """Count what is alike until it is told again; `clock` gives monotonic seconds. Any thread may count.

    What is counted is named by words of ours, so that few are remembered.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[tuple[str, ...], tuple[float, int]] = {}  # when, and how often since

    def due(self, *what: str) -> int:
        """Count `what` once; return how often it came since it was last told, 0 while it is not to be told again."""
        with self._lock:
            told_at, times = self._told.get(what, (None, 0))
            now, times = self._clock(), times + 1
            if told_at is not None and now - told_at < TOLD_EVERY:
                self._told[what] = told_at, times
                return 0
            self._told[what] = now, 0
            return times
