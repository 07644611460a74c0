"""`manage.py dispatch`: what it refuses, and how it works until it is told to end."""

import asyncio
import functools
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from notificacao.models import DispatcherLease, Notification
from notificacao.server import beside, readiness
from notificacao.server.runtime import runtime
from tests.ending import PATIENCE, until_told
from tests.live.ably_server import ROOT
from tests.live.site import environment_for
from tests.rows import write

_DEAR = ["ably", "daphne.server", "numpy", "opentelemetry", "redis", "rest_framework.views", "semtas.urls", "uvicorn"]

of_threads = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_with_sqlite_it_says_where_the_dispatcher_lives(monkeypatch):
    monkeypatch.setattr(connection, "vendor", "sqlite")
    with pytest.raises(CommandError, match="vive dentro do servidor"):
        call_command("dispatch", metrics_port=70_000)


@pytest.mark.slow
def test_its_start_loads_nothing_that_it_does_not_use(tmp_path):
    """On SQLite, where it ends once all is loaded and checked."""
    program = (
        "import gc, runpy, sys\n"
        "sys.argv = ['manage.py', 'dispatch']\n"
        "try:\n"
        "    runpy.run_path('manage.py', run_name='__main__')\n"
        "except SystemExit:\n"
        f"    print(*[name for name in {_DEAR} if name in sys.modules], gc.get_threshold()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment_for(tmp_path / "none.sqlite3"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.stdout == "50000\n", done.stderr


@pytest.mark.parametrize("port", [70_000, None])
def test_a_port_for_metrics_that_cannot_be_had_is_said_in_a_sentence(monkeypatch, port):
    monkeypatch.setattr(connection, "vendor", "postgresql")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = port or taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Não é possível servir métricas em 127.0.0.1:{port}"):
            call_command("dispatch", metrics_port=port)


@pytest.fixture
def metrics(monkeypatch):
    """The servers of metrics that were started, each with its thread; none is left running."""
    start, started = beside.serve, []
    monkeypatch.setattr(beside, "serve", lambda *where: started.append(start(*where)))
    yield started
    for server, thread in started:
        server.shutdown()
        server.server_close()
        thread.join()


def come_true(condition):
    """As `eventually`, in a thread that has no loop."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline


@pytest.mark.postgres
@of_threads
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_leads_and_dispatches_until_it_is_told_to_end_and_gives_the_lead_away(metrics, signals, number):
    row = write("system:notifications")

    def see():
        come_true(Notification.objects.filter(pk=row.pk, dispatch_state="skipped").exists)
        [(server, _)] = metrics
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=PATIENCE) as page:
            return DispatcherLease.objects.get().until, page.read().decode()

    leads_until, page = until_told(functools.partial(call_command, "dispatch", metrics_port=0), see, number)
    assert leads_until is not None
    assert "rollout_percent" in page
    assert DispatcherLease.objects.get().until is None


@pytest.mark.postgres
@of_threads
def test_beside_its_metrics_it_says_that_it_lives_and_whether_it_is_ready(metrics, signals):
    def ask(path):
        [(server, _)] = metrics
        answer = httpx.get(f"http://127.0.0.1:{server.server_port}{path}", timeout=PATIENCE)
        return answer.status_code, answer.headers["Cache-Control"], answer.json()

    def see():
        come_true(lambda: metrics and ask("/health/ready")[0] == 200)
        return ask("/health/live"), ask("/health/ready")

    live, ready = until_told(functools.partial(call_command, "dispatch", metrics_port=0), see, signal.SIGTERM)
    assert live == (200, "no-store", {"status": "ok"})
    assert ready[2]["checks"] == dict.fromkeys(("database", "writable", "migrations", "dispatcher"), True)
    assert list(ready[2]["last_round"]) == ["dispatcher"]


@pytest.mark.postgres
@of_threads
def test_a_dispatcher_that_can_write_no_more_is_not_ready(metrics, signals, monkeypatch):
    """As on a disk that is full: what is read goes on, and no row can be changed."""
    monkeypatch.setattr(readiness, "PATIENCE", 1.0)

    def failing():
        [(server, _)] = metrics
        return httpx.get(f"http://127.0.0.1:{server.server_port}/health/ready", timeout=PATIENCE).json()["failing"]

    def see():
        come_true(lambda: metrics and failing() == [])
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END$$"
            )
            cursor.execute(
                "CREATE TRIGGER full_disk BEFORE UPDATE ON notificacao_dispatcherlease EXECUTE FUNCTION full_disk()"
            )
        try:
            come_true(lambda: failing() == ["dispatcher"])
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DROP FUNCTION full_disk CASCADE")
        come_true(lambda: failing() == [])

    until_told(functools.partial(call_command, "dispatch", metrics_port=0), see, signal.SIGTERM)


def test_a_loop_that_does_not_come_round_is_not_told_to_live(monkeypatch):
    monkeypatch.setattr(beside, "_ANSWERS_WITHIN", 0.01)
    loop = asyncio.new_event_loop()
    server, thread = beside.serve("127.0.0.1", 0, loop)
    try:
        address = f"http://127.0.0.1:{server.server_port}/health/live"
        assert httpx.get(address, timeout=PATIENCE).status_code == 503
        loop.close()
        assert httpx.get(address, timeout=PATIENCE).json() == {"status": "failing"}
    finally:
        loop.close()
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_dispatcher_that_fails_ends_the_command_with_what_happened(monkeypatch, signals):
    async def fail():
        raise ZeroDivisionError("the dispatcher fell over")

    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setattr(runtime, "dispatch", fail)
    with pytest.raises(ZeroDivisionError, match="fell over"):
        call_command("dispatch")
