"""Health: live while the process serves, ready when all that it needs is there."""

import pytest
from django.db import OperationalError, connection

from notificacao.runtime import runtime

pytestmark = pytest.mark.urls("notificacao.health")


@pytest.fixture
def status(monkeypatch):
    """What the runtime of this process says; a test process runs neither hub nor dispatcher."""
    says = {"hub": True, "dispatcher": True}
    monkeypatch.setattr(runtime, "status", lambda: says)
    return says


@pytest.fixture
def database_away():
    """Every statement fails, with a message that names a secret."""

    def refuse(execute, sql, params, many, context):
        raise OperationalError("connection to postgres://semtas:segredo@db failed")

    with connection.execute_wrapper(refuse):
        yield


def test_live_answers_without_a_database_and_without_a_login(client, database_away):
    answer = client.get("/health/live")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_ready_when_database_hub_and_dispatcher_are_there(client, db, status):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"database": True, "hub": True, "dispatcher": True},
        "failing": [],
    }


@pytest.mark.parametrize("part", ["hub", "dispatcher"])
def test_not_ready_without_a_part_of_the_runtime(client, db, status, part):
    status[part] = False
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["failing"] == [part]


def test_a_process_that_never_started_its_runtime_is_not_ready(client, db):
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["failing"] == ["hub", "dispatcher"]


def test_without_an_embedded_dispatcher_none_is_expected_here(client, db, status, settings):
    settings.DISPATCHER = "external"
    del status["dispatcher"]
    assert client.get("/health/ready").json()["checks"] == {"database": True, "hub": True}


def test_not_ready_without_the_database_and_no_secret_is_told(client, db, status, database_away):
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["failing"] == ["database"]
    assert b"segredo" not in answer.content


def test_an_answer_is_never_cached(client, db, status):
    for path in ("/health/live", "/health/ready"):
        assert "no-store" in client.get(path)["Cache-Control"]


@pytest.mark.parametrize("path", ["/health/live/", "/health/ready/", "/metrics/"])
def test_the_paths_have_no_slash_at_the_end(client, path):
    assert client.get(path).status_code == 404


def test_health_is_only_read(client):
    assert client.post("/health/live").status_code == 405
