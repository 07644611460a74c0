"""How the database is emptied after a test that commits, and gets the migrations' rows back before the next: quickly.

Django truncates each table and saves each row by itself: on PostgreSQL 0.3 s of a core, for each of hundreds of tests.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module

import pytest
from django.core import serializers
from django.db import models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.constants import OnConflict

from notificacao.database import DatabaseThread

# The migrations that refuse to anybody that the audit trail be emptied.
_EVENTS, _LINKS = "0050_audit_chain", "0056_links_are_written_once"


@contextlib.contextmanager
def by_statements_of_ours(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Within, empty tables of `connection`, and take the migrations' rows back, in as few statements as will do."""
    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            empty = partial(_empty_on_postgres, connection)
            quote = connection.ops.quote_name
            patch.setattr(
                connection.ops, "sql_flush", lambda _, tables, **__: [f"DELETE FROM {quote(table)}" for table in tables]
            )
        else:
            empty = partial(_empty_on_sqlite, connection.ops.execute_sql_flush)
        await_closed_threads = _noting_closed_threads(patch)
        patch.setattr(
            connection.ops, "execute_sql_flush", lambda statements: (await_closed_threads(), empty(statements))
        )
        patch.setattr(connection.creation, "deserialize_db_from_string", Migrated(connection).bring_back)
        yield


def _noting_closed_threads(patch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what waits for the threads that were closed: the last statement of one would meet what it empties."""
    closed: list[DatabaseThread] = []
    close = DatabaseThread.close

    def note(thread: DatabaseThread) -> None:
        close(thread)
        closed.append(thread)

    def wait() -> None:
        while closed:
            closed.pop()._executor.shutdown()

    patch.setattr(DatabaseThread, "close", note)
    return wait


@cache
def _doors_of_sqlite() -> tuple[list[str], list[str]]:
    """Return the statements that let the audit trail be emptied and filled, and those that refuse it again."""
    events, links = (import_module(f"notificacao.migrations.{name}") for name in (_EVENTS, _LINKS))
    refusals = {**links.refusals_of_sqlite(), "audit_loses_nothing": events.REFUSE["sqlite"][0]}
    return [f"DROP TRIGGER {name}" for name in refusals], list(refusals.values())


@contextlib.contextmanager
def _without_triggers(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Within, in a transaction of its own, neither foreign keys nor the audit trail's refusal are asked."""
    opened, closed = ["SET LOCAL session_replication_role = replica"], []
    if connection.vendor == "sqlite":
        opened, closed = _doors_of_sqlite()
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        for statement in opened:
            cursor.execute(statement)
        yield
        for statement in closed:
            cursor.execute(statement)


def _empty_on_sqlite(empty: Callable[[list[str]], None], statements: list[str]) -> None:
    opened, closed = _doors_of_sqlite()
    empty([*opened, *statements, *closed] if statements else [])


def _empty_on_postgres(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with _without_triggers(connection), connection.cursor() as cursor:
        cursor.execute("; ".join(statements))


def end_other_sessions(connection: BaseDatabaseWrapper) -> None:
    """End what threads of earlier tests still hold, as an idle executor's does: PostgreSQL drops no database in use."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class Migrated:
    """The rows that the migrations wrote."""

    def __init__(self, connection: BaseDatabaseWrapper):
        self._connection = connection
        self._rows: dict[type[models.Model], list[models.Model]] = defaultdict(list)

    def bring_back(self, serialized: str) -> None:
        """Insert all of one table at once. Those that are still there stay: nothing has emptied the database then."""
        alias = self._connection.alias
        if not self._rows:
            for one in serializers.deserialize("json", serialized, using=alias):
                assert not any(one.m2m_data.values()), f"{one} is linked to others, which is not brought back"
                self._rows[type(one.object)].append(one.object)
        with self._connection.constraint_checks_disabled(), _without_triggers(self._connection):
            for model, rows in self._rows.items():
                fields = [field for field in model._meta.local_concrete_fields if not field.generated]
                model._base_manager.using(alias)._insert(
                    rows, fields, using=alias, raw=True, on_conflict=OnConflict.IGNORE
                )
        self._connection.check_constraints(table_names=[model._meta.db_table for model in self._rows])
