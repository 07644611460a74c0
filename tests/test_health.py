"""Health: live while the process serves, ready when all that it needs is there."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
import structlog
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from notificacao import alerts, presence
from notificacao.models import BreakerState, CanaryProbe
from notificacao.outages import Repeats
from notificacao.presence import Count
from notificacao.server import readiness
from notificacao.server.runtime import runtime as process
from semtas import __version__


@pytest.fixture
def runtime(monkeypatch):
    """The runtime as it is a moment after its start; a test process runs neither hub nor dispatcher."""
    tasks = {name: SimpleNamespace(done=lambda: False) for name in ("hub", "dispatcher")}
    monkeypatch.setattr(readiness, "_told", Repeats())
    monkeypatch.setattr(readiness, "_failing_since", {})
    monkeypatch.setattr(process, "_tasks", tasks)
    monkeypatch.setattr(process, "_rounds", {name: lambda: 0.04 for name in ("hub", "presence", "dispatcher")})
    return process


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


def test_ready_when_the_database_is_as_it_should_be_and_every_task_did_its_work_lately(client, db, runtime):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "version": __version__,
        "checks": dict.fromkeys(("database", "writable", "migrations", "hub", "presence", "dispatcher"), True),
        "failing": [],
        "last_round": {"hub": 0.0, "presence": 0.0, "dispatcher": 0.0},
        "nobody_leads": False,
    }


def failing(client) -> list[str]:
    answer = client.get("/health/ready")
    assert answer.status_code == (503 if answer.json()["failing"] else 200)
    return answer.json()["failing"]


@pytest.mark.parametrize("part", ["hub", "dispatcher"])
def test_not_ready_without_a_part_of_the_runtime(client, db, runtime, part):
    runtime._tasks[part].done = lambda: True
    assert failing(client) == [part]


@pytest.mark.parametrize("part", ["hub", "presence", "dispatcher"])
def test_not_ready_where_a_part_lives_and_did_nothing_for_long_or_ever(client, db, runtime, part):
    runtime._rounds[part] = lambda: 27.0
    assert failing(client) == [part]
    assert client.get("/health/ready").json()["last_round"][part] == 27.0
    runtime._rounds[part] = lambda: None
    assert failing(client) == [part]


@pytest.fixture
def late(monkeypatch, client, runtime):
    """`late()`: which tasks the log tells of while readiness is asked for three times."""
    monkeypatch.setattr(readiness, "_START", -1.0)

    def told() -> dict[str, float | None]:
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                client.get("/health/ready")
        lines = [line for line in logs if line["event"] == "task_is_late"]
        assert {(line["log_level"], line["times"]) for line in lines} <= {("warning", 1)}
        return {line["task"]: line["last_round"] for line in lines}

    return told


def test_a_task_that_hangs_or_never_did_anything_is_told_once_and_not_with_each_probe(db, runtime, late):
    runtime._rounds["hub"], runtime._rounds["dispatcher"] = lambda: 27.04, lambda: None
    assert late() == {"hub": 27.0, "dispatcher": None}
    assert late() == {}


def test_a_start_and_an_outage_of_the_database_are_no_tasks_that_are_late(db, runtime, late, monkeypatch):
    runtime._rounds["hub"] = lambda: None
    readiness._failing_since["hub"] = 0.0  # once, long ago
    with monkeypatch.context() as patch:
        patch.setattr(readiness, "_database", lambda: {"database": False, "migrations": False})
        assert late() == {}
    monkeypatch.setattr(readiness, "_START", 3_600.0)
    monkeypatch.setattr(readiness, "time", SimpleNamespace(monotonic=lambda: 10_000.0))
    assert late() == {}


def test_what_is_not_ready_is_no_error_in_the_log_for_each_who_asks(client, db, runtime, caplog):
    runtime._rounds["hub"] = lambda: None
    assert failing(client) == ["hub"]
    assert caplog.records == []


def test_an_answer_that_nothing_else_tells_of_is_in_the_log(client, db, caplog):
    assert client.get("/nothing").status_code == 404
    assert {record.name for record in caplog.records} == {"django.request", "django_structlog.middlewares.request"}


def test_a_redis_that_is_away_is_told_and_makes_no_process_unready(client, db, runtime):
    runtime._tasks["wakes"] = runtime._tasks["hub"]
    runtime._rounds["wakes"] = lambda: 3_600.0
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["last_round"]["wakes"]) == (200, 3_600.0)


def test_a_process_that_never_started_its_runtime_is_not_ready(client, db):
    assert failing(client) == ["hub", "presence", "dispatcher"]


def test_without_an_embedded_dispatcher_none_is_expected_here(client, db, runtime, settings):
    settings.DISPATCHER = "external"
    del runtime._tasks["dispatcher"], runtime._rounds["dispatcher"]
    assert failing(client) == []
    assert "dispatcher" not in client.get("/health/ready").json()["checks"]


def test_not_ready_without_the_database_and_no_secret_is_told(client, db, runtime, database_away):
    assert failing(client) == ["database", "writable", "migrations"]
    assert b"segredo" not in client.get("/health/ready").content


def test_a_check_with_the_cookie_of_a_login_needs_no_database_either(client, ana, runtime, request):
    client.force_login(ana)
    request.getfixturevalue("database_away")
    assert [client.get(f"/health/{name}").status_code for name in ("live", "ready", "ably")] == [200, 503, 200]


def test_not_ready_where_a_migration_is_missing_and_ready_where_the_database_is_ahead(client, db, runtime):
    applied = MigrationRecorder.Migration.objects.filter(app="notificacao")
    MigrationRecorder(connection).record_applied("notificacao", "9999_of_a_later_release")
    assert failing(client) == []
    applied.filter(name=applied.exclude(name__startswith="9999").latest("pk").name).delete()
    assert failing(client) == ["migrations"]


def test_an_empty_database_is_not_ready(client, db, runtime):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO elsewhere")
    assert failing(client) == ["migrations"]


@pytest.mark.postgres
def test_a_database_that_is_read_only_is_not_ready(client, db, runtime):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    assert failing(client) == ["writable"]


@pytest.mark.sqlite
def test_a_file_that_may_not_be_written_is_not_ready(client, db, runtime, monkeypatch, tmp_path):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = on")
        try:
            assert failing(client) == ["writable"]
        finally:
            cursor.execute("PRAGMA query_only = off")
    monkeypatch.setitem(connection.settings_dict, "NAME", tmp_path / "gone.sqlite3")
    assert failing(client) == ["writable"]


def test_no_check_writes(client, db, runtime):
    with CaptureQueriesContext(connection) as queries:
        assert failing(client) == []
    assert not [query["sql"] for query in queries if not query["sql"].lstrip().startswith(("SHOW", "PRAGMA", "SELECT"))]


def test_an_answer_is_never_cached(client, db, runtime):
    for path in ("/health/live", "/health/ready", "/health/ably"):
        assert "no-store" in client.get(path)["Cache-Control"]


@pytest.mark.parametrize("path", ["/health/live/", "/health/ready/", "/health/ably/", "/metrics/"])
def test_the_paths_have_no_slash_at_the_end(client, path):
    assert client.get(path).status_code == 404


def test_health_is_only_read(client):
    assert client.post("/health/live").status_code == 405


# --- Ably


@pytest.fixture
def in_use(db, settings):
    """Ably as it is on a good day: the probe before the last one was missed."""
    settings.ABLY_API_KEY = "semtas.local:segredo-da-chave"
    BreakerState.objects.update(state="closed")
    CanaryProbe.objects.create(error="no answer")
    return CanaryProbe.objects.create(round_trip_ms=4.24)


def ask(client):
    answer = client.get("/health/ably")
    return answer.status_code, answer.json()


def test_ably_is_well_while_the_canary_hears_itself_and_the_breaker_is_closed(client, in_use):
    presence.record_process("one")
    presence.write_counts("one", {"a": Count(0, 2), "b": Count(1, 0)}, ["a", "b"])
    in_use.refresh_from_db()
    assert ask(client) == (
        200,
        {
            "status": "ok",
            "connected": True,
            "round_trip_ms": 4.2,
            "last_success": in_use.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "breaker": "closed",
            "active_channels": 1,
        },
    )


def test_a_missed_probe_is_told_with_what_was_heard_before_it(client, in_use):
    CanaryProbe.objects.create(error="no answer from semtas.local:segredo-da-chave")
    status, body = ask(client)
    assert (status, body["status"], body["connected"], body["breaker"]) == (503, "failing", False, "closed")
    assert (body["round_trip_ms"], body["last_success"] is not None) == (4.2, True)
    assert "segredo" not in str(body)


def test_a_canary_that_no_longer_sings_was_heard_too_long_ago(client, in_use, settings):
    CanaryProbe.objects.update(at=F("at") - timedelta(seconds=3 * settings.CANARY_EVERY + 6))
    assert ask(client)[1]["connected"] is False
    CanaryProbe.objects.update(at=F("at") + timedelta(seconds=5))
    assert ask(client)[1]["connected"] is True


@pytest.mark.parametrize("fields", [{"state": "open"}, {"state": "half_open"}, {"forced": "open"}])
def test_with_the_breaker_not_closed_ably_is_out_of_use_however_well_it_is(client, in_use, fields):
    BreakerState.objects.update(**fields)
    status, body = ask(client)
    assert (status, body["status"], body["connected"]) == (503, "failing", True)
    assert body["breaker"] == next(iter(fields.values()))


def test_before_the_first_probe_nothing_is_known_and_that_is_not_well(client, in_use):
    CanaryProbe.objects.all().delete()
    status, body = ask(client)
    assert (status, body["connected"], body["round_trip_ms"], body["last_success"]) == (503, False, None, None)


def test_without_a_key_there_is_nothing_that_could_fail(client, db, settings):
    settings.ABLY_API_KEY = ""
    assert ask(client) == (200, {"status": "not_configured"})


def test_without_the_database_it_says_so_and_no_secret(client, in_use, database_away):
    answer = client.get("/health/ably")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing"})


def test_an_ably_that_is_away_makes_no_process_unready(client, in_use, runtime):
    CanaryProbe.objects.create(error="no answer")
    BreakerState.objects.update(state="open")
    assert client.get("/health/ready").status_code == 200


def test_that_nobody_leads_is_told_and_makes_no_process_unready(client, db, runtime):
    alerts.open("NobodyLeads")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["nobody_leads"]) == (200, True)
