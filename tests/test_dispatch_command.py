"""`manage.py dispatch`: what it refuses, and how it works until it is told to end."""

import functools
import signal
import socket
import time
import urllib.request

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from notificacao.management.commands import dispatch
from notificacao.models import DispatcherLease, Notification
from notificacao.server import runtime
from tests.ending import PATIENCE, until_told
from tests.rows import write

of_threads = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_with_sqlite_it_says_where_the_dispatcher_lives(monkeypatch):
    monkeypatch.setattr(connection, "vendor", "sqlite")
    with pytest.raises(CommandError, match="vive dentro do servidor"):
        call_command("dispatch", metrics_port=70_000)


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
    start, started = dispatch.start_http_server, []
    monkeypatch.setattr(dispatch, "start_http_server", lambda *where, **more: started.append(start(*where, **more)))
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


def test_a_dispatcher_that_fails_ends_the_command_with_what_happened(monkeypatch, signals):
    async def fail():
        raise ZeroDivisionError("the dispatcher fell over")

    monkeypatch.setattr(connection, "vendor", "postgresql")
    monkeypatch.setattr(runtime, "dispatch", fail)
    with pytest.raises(ZeroDivisionError, match="fell over"):
        call_command("dispatch")
