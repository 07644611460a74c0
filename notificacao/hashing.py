"""Hash passwords a few at a time: a hash takes a fifth of a second of a core, and many at once would starve the rest.

Whoever waits holds no connection of the database's pool meanwhile.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterator

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection

AT_ONCE = max(1, (os.cpu_count() or 1) - 1)  # hashes: one core is left to everybody else
WAIT_AT_MOST = 50.0  # seconds until a turn comes; a proxy waits for a minute
WAITING_AT_MOST = 200  # each is a thread; more would wait longer than WAIT_AT_MOST anyway


class TooManyLogins(Exception):
    """Report that no turn came, or that too many wait for one; `retry_after` is in seconds."""

    retry_after = 10


class Turns:
    """Give turns in the order in which they were asked for, `at_once` of them at a time, to any thread."""

    def __init__(self, at_once: int, waiting_at_most: int):
        self._free = at_once
        self._waiting_at_most = waiting_at_most
        self._queue: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def turn(self, within: float) -> Iterator[None]:
        """Wait for a turn, and give it back at the end. Raises TooManyLogins after `within` seconds."""
        self._take(within)
        try:
            yield
        finally:
            self._give_back()

    def _take(self, within: float) -> None:
        with self._lock:
            if self._free and not self._queue:
                self._free -= 1
                return
            if len(self._queue) >= self._waiting_at_most:
                raise TooManyLogins
            mine = threading.Event()
            self._queue.append(mine)
        if mine.wait(within):
            return
        with self._lock:
            if mine not in self._queue:  # it was given in this very moment
                return
            self._queue.remove(mine)
        raise TooManyLogins

    def _give_back(self) -> None:
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._free += 1


_turns = Turns(AT_ONCE, WAITING_AT_MOST)


class QueuedHasher(PBKDF2PasswordHasher):
    """Hash as Django's default does, under the same name, a few at a time and without a database connection."""

    def encode(self, password, salt, iterations=None) -> str:
        """Return the encoded hash. Raises TooManyLogins where no turn comes in time."""
        _lend_connection()
        with _turns.turn(WAIT_AT_MOST):
            return super().encode(password, salt, iterations)


def _lend_connection() -> None:
    """Give this thread's connection back to the pool; Django takes one again at the next query.

    In a transaction it stays: whoever sets a password there holds one, and there are few of them.
    """
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()
