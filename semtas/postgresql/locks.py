"""Bound how long a migration waits for a lock: whoever needs the table meanwhile waits behind it."""

import contextlib
from collections.abc import Iterator

from django.db import Error, ProgrammingError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable

LONGEST_WAIT = 900  # milliseconds; nobody waits a second behind a migration
AUTOVACUUM_GOES_AFTER = 450  # milliseconds
_MARGIN = 200  # milliseconds

_OLDEST = (
    "SELECT pid, application_name, extract(epoch FROM now() - xact_start)::int FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < now() - interval '1 second' "
    "ORDER BY xact_start LIMIT 3"
)


@contextlib.contextmanager
def bounded(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Wait at most LONGEST_WAIT for each lock in this block; `was_refused` knows the error of one that was not had.

    An autovacuum is ended by PostgreSQL for whoever has waited `deadlock_timeout` for it, a second by default, which
    comes after that bound. So that setting becomes AUTOVACUUM_GOES_AFTER; where the role may not set it, the bound is
    longer than it.
    """
    with connection.cursor() as cursor:
        with contextlib.suppress(ProgrammingError):
            cursor.execute(f"SET deadlock_timeout = '{AUTOVACUUM_GOES_AFTER}ms'")
        cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'")
        (deadlock_timeout,) = cursor.fetchone()
        cursor.execute(f"SET lock_timeout = '{max(LONGEST_WAIT, deadlock_timeout + _MARGIN)}ms'")
    try:
        yield
    finally:
        with (
            contextlib.suppress(Error),
            connection.cursor() as cursor,
        ):  # a connection that is lost has nothing to reset
            cursor.execute("RESET lock_timeout")
            cursor.execute("RESET deadlock_timeout")


@contextlib.contextmanager
def unbounded(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Wait as long as it takes in this block: for what builds or drops an index while others read and write."""
    with connection.cursor() as cursor:
        (before,) = cursor.execute("SHOW lock_timeout").fetchone()
        cursor.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])


def was_refused(error: Exception) -> bool:
    """Tell whether a statement gave up waiting for a lock."""
    return isinstance(error.__cause__, LockNotAvailable)


def oldest_transactions(connection: BaseDatabaseWrapper) -> list[tuple[int, str, int]]:
    """Return process, application's name and age in seconds of the three oldest transactions over a second old."""
    with connection.cursor() as cursor:
        return cursor.execute(_OLDEST).fetchall()
