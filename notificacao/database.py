"""Run database work on a thread of its own, which neither blocks the event loop nor queues behind requests.

This module also locks an SQLite file for the one process that serves it, and sends several statements in one round
trip.
"""

import asyncio
import contextlib
import fcntl
import functools
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

import psycopg
import stamina
import structlog
from django.db import DatabaseError, Error, InterfaceError, OperationalError, connection, connections, transaction
from psycopg_pool import PoolTimeout

from notificacao import metrics
from semtas.postgresql import deadline, reserve, waiting

logger = structlog.get_logger(__name__)

Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")

NOW = {"postgresql": "statement_timestamp()", "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')"}  # as Django's Now()
NOW_BESIDE_VALUES = {vendor: now.replace("%", "%%") for vendor, now in NOW.items()}  # in a statement with parameters
FROM_NOW = {  # its parameter is how many seconds, which may be negative
    "postgresql": f"{NOW['postgresql']} + make_interval(secs => %s)",
    "sqlite": f"{NOW_BESIDE_VALUES['sqlite'].removesuffix(')')}, %s || ' seconds')",
}

# Before a standby would miss the three seconds within which it is to take over.
IDLE_LIMIT = "SET LOCAL idle_in_transaction_session_timeout = '2s'"

_CONFLICTS = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock
_IN_VAIN = _CONFLICTS | {"55P03"}  # and lock not available
_AWAY = ("08", "57P", "53300")  # connection exceptions, shutdowns, too many connections
_TRIES = 3
HEAVY = 120.0  # seconds for a statement over much of the log, on a thread for which nobody waits


metrics.POOL_WAITING.set_function(waiting.threads)


class DatabaseClock:
    """Tell the time by the database's clock between two statements: as it last said, and what passed here since.

    What passed is measured by the monotonic clock, so the process's own time of day never counts.
    """

    def __init__(self) -> None:
        self._began: float | None = None
        self._noted = -math.inf

    @property
    def is_fresh(self) -> bool:
        """Tell whether the database said its time within the last second."""
        return time.monotonic() - self._noted < 1

    def note(self, now: datetime | str) -> None:
        """Note the database's time, as a statement has just answered it; SQLite writes it as text, in UTC."""
        moment = datetime.fromisoformat(now).replace(tzinfo=UTC) if isinstance(now, str) else now
        self._noted = time.monotonic()
        self._began = moment.timestamp() - self._noted

    def now(self) -> datetime:
        """Return the time by the database's clock; before it has said any, by this process's."""
        if self._began is None:
            return datetime.now(UTC)
        return datetime.fromtimestamp(self._began + time.monotonic(), UTC)


clock = DatabaseClock()


class ServedAlready(Exception):
    """Report that another process serves this SQLite file."""


@contextlib.contextmanager
def reconnected_after_a_break() -> Iterator[None]:
    """Within, outside of transactions, close a connection that turns out to be broken: the next statement gets another.

    Django does so between requests and where it rolls back. A process with neither would be refused for good.
    """
    try:
        yield
    except Error:
        connection.close_if_unusable_or_obsolete()
        raise


@contextlib.contextmanager
def served_here_alone() -> Iterator[None]:
    """Hold the lock beside the SQLite file, until the end of the block or of the process. Raises ServedAlready.

    Each of two processes would have streams that the other's wakes do not reach. PostgreSQL is for many: no lock there.
    The lock is beside the file itself, whatever links lead to it.
    """
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or ":memory:" in name:
        yield
        return
    with open(f"{os.path.realpath(name)}.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServedAlready(name) from error
        yield


def keep_private(opened) -> None:
    """Let nobody but the owner read the SQLite file of the connection `opened`, nor the files beside it."""
    name = str(opened.settings_dict["NAME"])
    if opened.vendor != "sqlite" or ":memory:" in name or "mode=memory" in name:
        return
    name = os.path.realpath(name)  # where a link leads SQLite keeps the files beside it
    for file in (name, f"{name}-wal", f"{name}-shm", f"{name}.lock"):
        with contextlib.suppress(FileNotFoundError, PermissionError):  # the latter: another user's, who keeps it
            if os.stat(file).st_mode & 0o077:
                os.chmod(file, 0o600)


@contextlib.contextmanager
def wakeful() -> Iterator[None]:
    """Begin a transaction of a dispatcher: PostgreSQL ends its session where this process sleeps within it for 2 s.

    What a process locks that is frozen, or cut off, would be locked for as long as that lasts, for every other too.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(IDLE_LIMIT)
        yield


def at_once(*statements: str) -> list[list[tuple]]:
    """Return the rows that each statement answers. They have no parameters.

    PostgreSQL gets them in one round trip; each still sees what was committed before it, not before the first.
    """
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            return [cursor.execute(statement).fetchall() for statement in statements]
        cursor.execute(";".join(statements))
        answers = [_rows(cursor)]
        while cursor.nextset():
            answers.append(_rows(cursor))
    return answers


def ask(statement: str, values: Sequence) -> list[tuple]:
    """Return the rows that a statement answers, with `values` for its parameters."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def placeholders(values: Sized) -> str:
    """Return a placeholder for each of `values`, as `IN (…)` wants them."""
    return ", ".join(["%s"] * len(values))


def _rows(cursor) -> list[tuple]:
    return cursor.fetchall() if cursor.description else []


def is_busy(error: BaseException) -> bool:
    """Tell whether `error` says that others hold what was wanted: nothing is done, and it may be tried again.

    A connection is wanted too.
    """
    cause = error.__cause__
    if not isinstance(error, OperationalError):
        return False
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return isinstance(cause, PoolTimeout) or getattr(cause, "sqlstate", None) in _IN_VAIN


def is_away(error: BaseException) -> bool:
    """Tell whether `error` says that the connection to the database was cut, could not be made, or does not answer.

    What was asked was not done, unless `may_be_done` says otherwise; on a fresh connection it may be tried again.
    """
    cause = error.__cause__
    if isinstance(cause, PoolTimeout):
        return True
    if not isinstance(error, OperationalError | InterfaceError) or isinstance(cause, sqlite3.Error):
        return False
    if isinstance(cause, psycopg.InterfaceError):  # the connection is closed
        return True
    state = getattr(cause, "sqlstate", None) or "08000"  # without a state it is libpq that speaks, not the server
    return isinstance(cause, psycopg.OperationalError) and state.startswith(_AWAY)


def may_be_done(error: BaseException) -> bool:
    """Tell whether the connection was lost in a commit: nobody knows whether PostgreSQL did it."""
    return is_away(error) and any(getattr(one, "outcome_unknown", False) for one in (error, error.__cause__))


class Outage:
    """Log that the database went away and that it came back, once each in a process, whoever finds out first."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._lock = threading.Lock()

    def failed(self, error: BaseException) -> None:
        """Note an error of a statement; without effect where it tells nothing of the database being away."""
        with self._lock:
            if self._since is None and is_away(error):
                self._since = time.monotonic()
                logger.warning("database_away", error=type(error.__cause__ or error).__name__)

    def answered(self) -> None:
        """Note that the database answered."""
        if self._since is None:
            return
        with self._lock:
            began, self._since = self._since, None
        if began is not None:
            logger.info("database_back", seconds=round(time.monotonic() - began, 1))


outage = Outage()


def is_conflict(error: Exception) -> bool:
    """Tell whether PostgreSQL ended the transaction in favour of another one: done anew, it may well succeed."""
    return isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", None) in _CONFLICTS


def in_one_transaction(act: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """Run `act` in a transaction, and in a new one where PostgreSQL ended it in favour of another: three times at most.

    What `act` does beyond the database must bear to be done again. Within a transaction of the caller's it runs once:
    what came before it in there is undone too.
    """

    @functools.wraps(act)
    def repeated(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        tries = 1 if connection.in_atomic_block else _TRIES
        for attempt in stamina.retry_context(is_conflict, attempts=tries, wait_initial=0.01, wait_max=0.1):
            with attempt, transaction.atomic():
                answer = act(*args, **kwargs)
        return answer

    return repeated


class DatabaseThread:
    """Run queries on one thread, and so on one connection a database, kept between calls; an error drops it.

    That connection may be one of those that requests cannot have. `patience` is how many seconds a statement may take,
    where that is to be more or less than the process's bound.
    """

    def __init__(self, name: str, patience: float | None = None):
        def begin() -> None:
            reserve.from_now_on()
            deadline.from_now_on(patience)

        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name, initializer=begin)

    async def run(self, work: Callable[..., Answer], *args) -> Answer:
        """Return what `work(*args)` returns, computed on this thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._guarded, work, args)

    @staticmethod
    def _guarded(work, args):
        try:
            answer = work(*args)
        except (DatabaseError, InterfaceError) as error:
            outage.failed(error)
            connections.close_all()
            raise
        outage.answered()
        return answer

    def close(self) -> None:
        """Close the connection and end the thread, once the work that waits is done."""
        self._executor.submit(connections.close_all)
        self._executor.shutdown(wait=False)
