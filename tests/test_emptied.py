"""What a test that commits finds: the rows that the migrations wrote, and nothing of the tests before it."""

import json
import threading

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, connections

from notificacao.models import AuditEvent, BreakerState, RolloutStage
from tests.emptied import end_other_sessions

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def rows(serialized: str) -> list[dict]:
    return sorted(json.loads(serialized), key=lambda row: (row["model"], str(row["pk"])))


@pytest.mark.parametrize("turn", [1, 2])
def test_each_begins_with_the_rows_of_the_migrations_whatever_the_one_before_left(turn, ana, of_unit):
    BreakerState.objects.update(state="open", reason=f"Turno {turn}")
    RolloutStage.objects.all().delete()
    AuditEvent.objects.create(action="logged_in", who="ana")
    how = {"interactive": False, "reset_sequences": False, "inhibit_post_migrate": True}
    call_command("flush", verbosity=0, **how)  # as Django does after a test
    assert rows(connection.creation.serialize_db_to_string()) == []
    connection.creation.deserialize_db_from_string(connection._test_serialized_contents)
    assert rows(connection.creation.serialize_db_to_string()) == rows(connection._test_serialized_contents)


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
