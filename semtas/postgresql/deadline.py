"""Bound how long a statement waits for PostgreSQL: a server that is frozen keeps its connections open for ever.

TCP's own limits do not see it, since its kernel goes on acknowledging. A process that serves or dispatches sets the
bound for all its threads; commands, which may migrate for an hour, have none.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.errors import _WaitTimeout

_of_process: float | None = None  # seconds
_of_thread = threading.local()


class NoAnswer(psycopg.OperationalError):
    """Report that PostgreSQL did not answer in time; the connection is closed."""


def for_all_threads(seconds: float | None) -> None:
    """Bound the statements of this process, but for those of threads with a bound of their own; None: no bound."""
    global _of_process  # noqa: PLW0603 – one a process, as the pool
    _of_process = seconds


def from_now_on(seconds: float | None) -> None:
    """Bound the statements of this thread; None: as the process has it."""
    _of_thread.seconds = seconds


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound this thread's statements until the end of the block, unless they have a narrower bound already."""
    before = getattr(_of_thread, "seconds", None)
    _of_thread.seconds = min(seconds, bound() or seconds)
    try:
        yield
    finally:
        _of_thread.seconds = before


def bound() -> float | None:
    """Return the seconds that a statement of this thread may take; None where it has no bound."""
    return getattr(_of_thread, "seconds", None) or _of_process


class Connection(psycopg.Connection):
    """Wait no longer for the server than this thread's bound; what does not answer is closed, without a word to it."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server's answer. Raises NoAnswer."""
        seconds = bound()
        if timeout is not None or seconds is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, seconds)
        except _WaitTimeout:
            self.pgconn.finish()
            raise NoAnswer(f"PostgreSQL did not answer within {seconds:g} s") from None
