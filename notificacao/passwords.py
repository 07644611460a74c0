"""Hash passwords in turn: a few at once, on threads of their own, while no connection to the database is held.

A password costs processor time on purpose. A hundred people who log in together must not take it from everybody else.
"""

import base64
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf import argon2
from django.contrib.auth.hashers import BasePasswordHasher, PBKDF2PasswordHasher, mask_hash, must_update_salt
from django.db import connection

from notificacao.conf import conf
from notificacao.database import give_back

Answer = TypeVar("Answer")

_COME_BACK = (3, 8)  # seconds, drawn for each, so that those who wait do not come back together


class Busy(Exception):
    """Report that too many passwords wait already; `seconds` until it is worth another try."""

    def __init__(self) -> None:
        super().__init__("Too many passwords wait to be checked.")
        low, high = _COME_BACK
        self.seconds = low + secrets.randbelow(high - low + 1)


class Turns:
    """Run work on `at_once` threads; `waiting` more may queue, each for `patience` seconds at most."""

    def __init__(self, at_once: int, waiting: int, patience: float):
        self._most = at_once + waiting
        self._patience = patience
        self._under_way = 0
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(at_once, thread_name_prefix="password")

    @property
    def under_way(self) -> int:
        """Return how many run or wait."""
        return self._under_way

    @property
    def full(self) -> bool:
        """Tell whether nobody else may queue."""
        return self._under_way >= self._most

    def run(self, work: Callable[..., Answer], *args) -> Answer:
        """Return what `work(*args)` returns, once its turn came. Raises Busy where it did not come in time."""
        with self._lock:
            if self.full:
                raise Busy
            self._under_way += 1
        try:
            return self._await(work, args)
        finally:
            with self._lock:
                self._under_way -= 1

    def _await(self, work, args):
        future = self._executor.submit(work, *args)
        try:
            return future.result(self._patience)
        except TimeoutError:
            if future.cancel():
                raise Busy from None
            return future.result()  # its turn has come


_turns: Turns | None = None
_making = threading.Lock()


def turns() -> Turns:
    """Return this process's queue."""
    global _turns  # noqa: PLW0603 – one a process
    with _making:
        if _turns is None:
            _turns = Turns(conf.PASSWORDS_AT_ONCE, conf.PASSWORDS_WAITING, conf.PASSWORDS_PATIENCE)
        return _turns


def in_turn(work: Callable[..., Answer], *args) -> Answer:
    """Return what `work(*args)` returns, once its turn came, and hold no connection meanwhile. Raises Busy.

    A transaction keeps its connection and its locks: it does not queue. Only staff's forms hash within one.
    """
    if connection.in_atomic_block:
        return work(*args)
    give_back()
    return turns().run(work, *args)


class InTurn:
    """Make a hasher of Django's hash in turn. Its `verify` must go through `encode`."""

    def encode(self, *args, **kwargs) -> str:
        return in_turn(lambda: super(InTurn, self).encode(*args, **kwargs))  # type: ignore[misc]


class PBKDF2(InTurn, PBKDF2PasswordHasher):
    """Read the passwords that were hashed before Argon2id; each is hashed anew at its next login."""


@dataclass(frozen=True)
class _Cost:
    memory_cost: int  # KiB
    iterations: int
    lanes: int


class Argon2id(BasePasswordHasher):
    """Hash with Argon2id at the cost that OWASP recommends, in the form of Django's own `Argon2PasswordHasher`.

    `cryptography`, which is here anyway, does it: Django's own class wants one package more. The cost is a tenth of
    PBKDF2's processor time, and 19 MiB, which is what a stranger with many graphics cards lacks.
    """

    algorithm = "argon2"
    cost = _Cost(memory_cost=19_456, iterations=2, lanes=1)

    def encode(self, password: str, salt: str) -> str:
        return in_turn(self._encode, password, salt)

    def _encode(self, password: str, salt: str) -> str:
        kdf = argon2.Argon2id(salt=salt.encode(), length=32, **vars(self.cost))
        return self.algorithm + kdf.derive_phc_encoded(password.encode())

    def verify(self, password: str, encoded: str) -> bool:
        return in_turn(self._verify, password, encoded)

    def _verify(self, password: str, encoded: str) -> bool:
        try:
            argon2.Argon2id.verify_phc_encoded(password.encode(), encoded.removeprefix(self.algorithm))
        except InvalidKey:
            return False
        return True

    def decode(self, encoded: str) -> dict:
        algorithm, variety, version, cost, salt, digest = encoded.split("$")
        memory, iterations, lanes = (int(part[2:]) for part in cost.split(","))
        return {
            "algorithm": algorithm,
            "variety": variety,
            "version": int(version[2:]),
            "cost": _Cost(memory, iterations, lanes),
            "salt": _unpadded(salt),
            "hash": digest,
        }

    def must_update(self, encoded: str) -> bool:
        decoded = self.decode(encoded)
        return decoded["cost"] != self.cost or must_update_salt(decoded["salt"], self.salt_entropy)

    def safe_summary(self, encoded: str) -> dict:
        """Return what the admin shows of a password."""
        decoded = self.decode(encoded)
        return {
            "algoritmo": decoded["variety"],
            "memória (KiB)": decoded["cost"].memory_cost,
            "iterações": decoded["cost"].iterations,
            "salt": mask_hash(decoded["salt"]),
            "hash": mask_hash(decoded["hash"]),
        }

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Do nothing: as in Django's own, no part of a hash can be added to another."""


def _unpadded(salt: str) -> str:
    return base64.b64decode(salt + "=" * (-len(salt) % 4)).decode("latin1")
