"""Hash passwords with Argon2id, a few at a time: a hash costs time on purpose, and many would starve the rest.

Whoever hashes or waits holds no connection of the database's pool meanwhile.
"""

import contextlib
import os
import secrets
import threading
from collections import deque
from collections.abc import Iterator

from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher
from django.db import connection

AT_ONCE = max(1, (os.cpu_count() or 1) - 1)  # hashes: one core is left to everybody else
WAIT_AT_MOST = 20.0  # seconds until a turn comes; then the page asks again, and says so
WAITING_AT_MOST = 200  # each is a thread
_COME_BACK = (3, 8)  # seconds, drawn for each, so that those who wait do not come back together


class TooManyLogins(Exception):
    """Report that no turn came, or that too many wait for one; `retry_after` is in seconds."""

    def __init__(self) -> None:
        super().__init__("Too many passwords wait to be hashed.")
        low, high = _COME_BACK
        self.retry_after = low + secrets.randbelow(high - low + 1)


class Turns:
    """Give turns in the order in which they were asked for, `at_once` of them at a time, to any thread."""

    def __init__(self, at_once: int, waiting_at_most: int):
        self._free = at_once
        self._waiting_at_most = waiting_at_most
        self._queue: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether whoever comes now would be refused."""
        return not self._free and len(self._queue) >= self._waiting_at_most

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
            if self.full:
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


def too_many() -> bool:
    """Tell whether a password that came now would find no place in the queue."""
    return _turns.full


@contextlib.contextmanager
def _in_turn() -> Iterator[None]:
    """Wait for a turn, holding no database connection. Raises TooManyLogins where none comes in time.

    A transaction keeps its connection and its locks, for which others wait: it does not queue. Only staff's forms hash
    within one.
    """
    if connection.in_atomic_block:
        yield
        return
    if connection.vendor == "postgresql":
        connection.close()  # to the pool; Django takes one again at the next query
    with _turns.turn(WAIT_AT_MOST):
        yield


class QueuedArgon2(Argon2PasswordHasher):
    """Hash as Django's own class does, in turn, at the cost that OWASP recommends.

    19 MiB, two rounds and one lane are the least that its Password Storage Cheat Sheet asks for
    (cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). Django's own 100 MiB and eight lanes
    would let each login take all cores. A hash takes 24 ms of a core, where PBKDF2 takes 231 ms.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1

    def encode(self, password, salt) -> str:
        """Return the encoded hash. Raises TooManyLogins where no turn comes in time."""
        with _in_turn():
            return super().encode(password, salt)

    def verify(self, password, encoded) -> bool:
        """Tell whether `password` is the one that was hashed. Raises TooManyLogins where no turn comes in time."""
        with _in_turn():
            return super().verify(password, encoded)


class QueuedPBKDF2(PBKDF2PasswordHasher):
    """Read, in turn, the passwords that were hashed before Argon2id; each is hashed anew at its next login."""

    def encode(self, password, salt, iterations=None) -> str:
        """Return the encoded hash, with which Django's `verify` compares. Raises TooManyLogins."""
        with _in_turn():
            return super().encode(password, salt, iterations)
