"""What a test that commits finds: the rows that the migrations wrote, and nothing of the tests before it."""

import json
import threading

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, connections

from notificacao.database import DatabaseThread
from notificacao.models import AuditEvent, BreakerState, RolloutStage
from tests.emptied import end_other_sessions

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def rows(serialized: str) -> list[dict]:
    return sorted(json.loads(serialized), key=lambda row: (row["model"], str(row["pk"])))


def empty() -> None:
    """As Django does after a test."""
    call_command("flush", verbosity=0, interactive=False, reset_sequences=False, inhibit_post_migrate=True)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_begins_with_the_rows_of_the_migrations_whatever_the_one_before_left(turn, ana, norte):
    BreakerState.objects.update(state="open", reason=f"Turno {turn}")
    RolloutStage.objects.all().delete()
    AuditEvent.objects.create(action="logged_in", who="ana")
    empty()
    assert rows(connection.creation.serialize_db_to_string()) == []
    connection.creation.deserialize_db_from_string(connection._test_serialized_contents)
    assert rows(connection.creation.serialize_db_to_string()) == rows(connection._test_serialized_contents)


def test_it_is_emptied_after_the_last_statement_of_a_thread_that_was_closed(monkeypatch):
    thread, go_on = DatabaseThread("test"), threading.Event()
    executor = thread._executor

    def write() -> None:
        go_on.wait()
        AuditEvent.objects.create(action="logged_in", who="ana")

    def shutdown() -> None:
        go_on.set()
        type(executor).shutdown(executor)

    written = executor.submit(write)
    thread.close()
    monkeypatch.setattr(executor, "shutdown", shutdown)  # whoever empties waits
    empty()
    go_on.set()
    written.result()
    assert not AuditEvent.objects.exists()


@pytest.mark.postgres
def test_what_an_earlier_test_holds_open_does_not_keep_the_database_from_being_dropped():
    held, go_on, ended = threading.Event(), threading.Event(), []

    def hold():
        connections["default"].ensure_connection()
        held.set()
        go_on.wait()
        try:
            connections["default"].cursor().execute("SELECT 1")
        except OperationalError:
            ended.append(True)
        connections["default"].close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    end_other_sessions(connection)
    go_on.set()
    thread.join()
    assert ended
