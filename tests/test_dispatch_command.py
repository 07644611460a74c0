"""`manage.py dispatch`: what it refuses."""

import socket

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

pytestmark = pytest.mark.django_db


@pytest.mark.sqlite
def test_with_sqlite_it_says_where_the_dispatcher_lives():
    with pytest.raises(CommandError, match="vive dentro do servidor"):
        call_command("dispatch")


@pytest.mark.parametrize("port", [70_000, None])
def test_a_port_for_metrics_that_cannot_be_had_is_said_in_a_sentence(monkeypatch, port):
    monkeypatch.setattr(connection, "vendor", "postgresql")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = port or taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Não é possível servir métricas em 127.0.0.1:{port}"):
            call_command("dispatch", metrics_port=port)
