"""`manage.py runserver`: daphne, and what it does when everybody comes at once."""

import asyncio
import signal
import socket
import subprocess
import sys

import pytest

from notificacao.management.commands import runserver
from tests.live.ably_server import ROOT, free_port
from tests.live.site import environment_for, migrate
from tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]

STORM = 300


def test_its_endpoints_have_room_for_a_storm():
    described = ["tcp:port=8000:interface=127.0.0.1", "unix:/tmp/x"]
    server = runserver.Server(None, endpoints=described)
    assert server.endpoints == ["tcp:port=8000:interface=127.0.0.1:backlog=2048", "unix:/tmp/x"]


@pytest.fixture
def server(tmp_path):
    """`(process, port)` of a development server of its own."""
    port = free_port()
    environment = environment_for(tmp_path / "runserver.sqlite3")
    migrate(tmp_path / "runserver.sqlite3")
    command = [sys.executable, str(ROOT / "manage.py"), "runserver", "--noreload", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield process, port
    process.kill()
    process.wait()


async def test_three_hundred_who_come_before_it_looks_find_a_place_each_and_are_answered(server):
    """While it stands still the system takes as many as its queue has places for: the next one would not connect."""
    process, port = server

    async def ask(reader, writer) -> bytes:
        writer.write(b"GET /api/v1/stream/ HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        answer = await reader.read(12)
        writer.transport.abort()
        return answer

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await eventually(listens)
    process.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE):
        lines = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(STORM)))
        process.send_signal(signal.SIGCONT)
        answers = await asyncio.gather(*(ask(*line) for line in lines))
    assert set(answers) == {b"HTTP/1.1 401"}
