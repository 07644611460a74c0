"""`manage.py runserver`: daphne, and what it does when everybody comes at once."""

import asyncio
import socket
import subprocess
import sys
import time

import pytest

from notificacao.management.commands import runserver
from tests.live.ably_server import ROOT, free_port
from tests.live.site import environment_for, manage
from tests.waiting import eventually

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]

STORM = 300


def test_its_endpoints_have_room_for_a_storm():
    described = ["tcp:port=8000:interface=127.0.0.1", "unix:/tmp/x"]
    server = runserver.Server(None, endpoints=described)
    assert server.endpoints == ["tcp:port=8000:interface=127.0.0.1:backlog=2048", "unix:/tmp/x"]


@pytest.fixture
def port(tmp_path):
    """Of a development server of its own."""
    port = free_port()
    environment = environment_for(tmp_path / "runserver.sqlite3")
    manage(environment, "migrate", "--verbosity", "0")
    command = [sys.executable, str(ROOT / "manage.py"), "runserver", "--noreload", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield port
    process.kill()
    process.wait()


async def test_three_hundred_who_come_at_once_are_answered_within_seconds(port):
    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /api/v1/stream/ HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        answer = await reader.read(12)
        writer.transport.abort()
        return answer

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await eventually(listens, within=30)
    began = time.monotonic()
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(ask() for _ in range(STORM)))
    assert set(answers) == {b"HTTP/1.1 401"}
    assert time.monotonic() - began < 15
