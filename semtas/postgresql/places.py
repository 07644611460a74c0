"""Keep some connections of the pool for what must not queue behind requests: streams, the dispatcher, health."""

import contextlib
import threading
from collections.abc import Iterator

from psycopg_pool import PoolTimeout

_thread = threading.local()


def reserve() -> None:
    """Give this thread the right to any connection of the pool, from now on."""
    _thread.reserved = True


@contextlib.contextmanager
def reserved() -> Iterator[None]:
    """Give this thread the right to any connection of the pool, until the end of the block."""
    before = is_reserved()
    _thread.reserved = True
    try:
        yield
    finally:
        _thread.reserved = before


def is_reserved() -> bool:
    """Tell whether this thread may take any connection of the pool."""
    return getattr(_thread, "reserved", False)


class Places:
    """Count the connections that requests hold: `most` at a time."""

    def __init__(self, most: int):
        self._most = most
        self._free = threading.BoundedSemaphore(most)

    def take(self, within: float) -> None:
        """Take a place, waiting `within` seconds at most. Raises PoolTimeout."""
        if not self._free.acquire(timeout=within):
            raise PoolTimeout(f"requests held all of their {self._most} connections for {within:.2f} s")

    def leave(self) -> None:
        """Give a place back."""
        self._free.release()
