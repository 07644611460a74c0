"""Keep some connections of the pool for what must not queue behind requests: streams, the dispatcher, health."""

import contextlib
import threading
from collections.abc import Iterator

_thread = threading.local()


def from_now_on() -> None:
    """Give this thread the right to any connection of the pool."""
    _thread.entitled = True


@contextlib.contextmanager
def meanwhile() -> Iterator[None]:
    """Give this thread the right to any connection of the pool, until the end of the block."""
    before = entitled()
    _thread.entitled = True
    try:
        yield
    finally:
        _thread.entitled = before


def entitled() -> bool:
    """Tell whether this thread may take any connection of the pool."""
    return getattr(_thread, "entitled", False)
