"""A thread of its own for database work that must neither block the event loop nor queue behind requests; and the word
that an SQLite file is served by one process.
"""

import asyncio
import contextlib
import fcntl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection, connections

Answer = TypeVar("Answer")

NOW = {"postgresql": "statement_timestamp()", "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')"}  # as Django's Now()


class ServedAlready(Exception):
    """Another process serves this SQLite file."""


@contextlib.contextmanager
def served_here_alone() -> Iterator[None]:
    """Hold the lock beside the SQLite file, until the end of the block or of the process. Raises ServedAlready.

    Two would each have streams that the other's wakes do not reach. PostgreSQL is for many: no lock there.
    """
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or ":memory:" in name:
        yield
        return
    with open(f"{name}.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServedAlready(name) from error
        yield


def at_once(*statements: str) -> list[list[tuple]]:
    """The rows that each statement answers. They have no parameters.

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


def _rows(cursor) -> list[tuple]:
    return cursor.fetchall() if cursor.description else []


class DatabaseThread:
    """One thread, and so one connection a database, kept between calls; a call that fails drops it."""

    def __init__(self, name: str):
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[..., Answer], *args) -> Answer:
        """What `work(*args)` returns, computed on this thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._guarded, work, args)

    @staticmethod
    def _guarded(work, args):
        try:
            return work(*args)
        except (DatabaseError, InterfaceError):
            connections.close_all()
            raise

    def close(self) -> None:
        self._executor.submit(connections.close_all)
        self._executor.shutdown(wait=False)
