"""Count the threads that wait for a connection of the pool."""

import contextlib
import threading
from collections.abc import Iterator

_lock = threading.Lock()
_threads = 0


@contextlib.contextmanager
def meanwhile() -> Iterator[None]:
    """Count this thread as one that waits, until the end of the block."""
    _add(1)
    try:
        yield
    finally:
        _add(-1)


def threads() -> int:
    """Return how many threads wait now."""
    return _threads


def _add(number: int) -> None:
    global _threads  # noqa: PLW0603 – one a process, like the pool
    with _lock:
        _threads += number
