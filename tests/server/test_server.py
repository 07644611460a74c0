"""`manage.py serve` in this very process: its socket, its one-process lock, how it comes up and what it leaves behind.

`test_serve.py` is about the process as a whole.
"""

import fcntl
import gc
import io
import re
import signal
import socket
import threading
from types import SimpleNamespace

import httpx
import pytest
from django.core.management import CommandError, call_command

from notificacao import audit, database
from notificacao.server import serve as server
from notificacao.server.runtime import runtime
from tests.asgi import log_in
from tests.ending import PATIENCE, until_told

ONCE_UP = (50_000, 20, 50)  # the garbage collector's thresholds

of_threads = pytest.mark.django_db(transaction=True, serialized_rollback=True)


class Terminal(io.StringIO):
    """What the command writes; `written` once it has flushed that."""

    def __init__(self):
        super().__init__()
        self.written = threading.Event()

    def flush(self):
        super().flush()
        if self.getvalue():
            self.written.set()

    def address(self) -> str:
        """From its last line, as soon as it is there."""
        assert self.written.wait(PATIENCE), "the server said nothing"
        return re.search(r"\nNo ar em (http://127\.0\.0\.1:\d+/) \(Ctrl-C encerra\)\n", self.getvalue())[1]


@pytest.fixture
def garbage():
    thresholds = gc.get_threshold()
    gc.unfreeze()  # what tests/conftest.py froze
    yield
    gc.set_threshold(*thresholds)
    gc.freeze()


@pytest.fixture
def serve(signals, garbage):
    """`serve(visit, number)`: what `visit` returns, given the address; then the server gets the signal `number`."""

    def run(visit, number):
        terminal = Terminal()
        return until_told(
            lambda: call_command("serve", "--port=0", stdout=terminal), lambda: visit(terminal.address()), number
        )

    return run


@pytest.mark.slow
@of_threads
def test_once_it_says_its_address_everything_runs_and_nothing_that_was_loaded_is_garbage(serve):
    def visit(address):
        while (answer := httpx.get(f"{address}health/ready", timeout=PATIENCE)).status_code == 503:
            pass
        return answer.json()["checks"], gc.get_threshold(), gc.get_freeze_count()

    checks, thresholds, frozen = serve(visit, signal.SIGINT)
    assert {"database", "hub", "dispatcher"} <= set(checks)
    assert all(checks.values())
    assert thresholds == ONCE_UP
    assert frozen > 10_000


@pytest.mark.slow
@of_threads
def test_a_signal_sends_open_streams_away_and_leaves_nothing_running(serve, signals, ana):
    cookie = {"cookie": f"sessionid={log_in(ana)}"}

    def visit(address):
        request = browser.build_request("GET", f"{address}api/v1/stream/", headers=cookie)
        while (stream := browser.send(request, stream=True)).status_code == 503:
            stream.close()
        lines = stream.iter_lines()
        assert "event: counts" in lines
        return lines

    with httpx.Client(timeout=PATIENCE) as browser:
        lines = serve(visit, signal.SIGTERM)
        assert "event: bye" in lines
        assert next(lines) == 'data: {"reason":"drain","after_ms":0}'
    assert runtime.status() == {}
    assert signals == [], "whoever handled it before is not told again: the exit code is 0"


# --- What it refuses


def refusal(*words: str) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("serve", *words)
    return str(refused.value)


def test_a_port_that_is_taken_is_said_in_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refusal(f"--port={port}") == f"A porta {port} já está em uso: escolha outra com --port."


def test_a_port_that_does_not_exist_is_said_in_a_sentence():
    assert refusal("--port=70000") == "A porta 70000 não existe: use --port de 0 a 65535."


def test_an_address_of_another_machine_is_said_in_a_sentence():
    assert refusal("--host=192.0.2.1", "--port=0").startswith("Não é possível escutar em 192.0.2.1:0: ")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The database is this SQLite file."""
    file = tmp_path / "site.sqlite3"
    there = SimpleNamespace(vendor="sqlite", settings_dict={"NAME": file})
    monkeypatch.setattr(database, "connection", there)
    return file


def test_a_second_server_on_the_same_sqlite_file_is_refused_and_gives_its_port_back(file, monkeypatch):
    listen, listeners = server.listen, []
    monkeypatch.setattr(server, "listen", lambda *where: listeners.append(listen(*where)) or listeners[0])
    with open(f"{file}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert f"Outro processo já serve o banco {file}: com SQLite há um só." in refusal("--port=0")
    assert [listener.fileno() for listener in listeners] == [-1]


def test_one_process_alone_serves_an_sqlite_file_for_as_long_as_it_does(file):
    alone = database.served_here_alone
    with alone(), pytest.raises(database.ServedAlready, match=re.escape(str(file))), alone():
        pass
    with alone():
        pass


@pytest.mark.parametrize(("vendor", "name"), [("postgresql", "semtas"), ("sqlite", "file:memorydb?mode=:memory:")])
def test_what_many_may_serve_or_nobody_else_can_reach_is_not_locked(monkeypatch, tmp_path, vendor, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(database, "connection", SimpleNamespace(vendor=vendor, settings_dict={"NAME": name}))
    with database.served_here_alone(), database.served_here_alone():
        assert list(tmp_path.iterdir()) == []


# --- Its socket


def test_the_kernel_asks_after_whoever_says_nothing():
    """By what every accepted connection is born with."""
    with server.listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            asked = [
                accepted.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            ]
            assert asked == [60, 15, 4]
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


@pytest.mark.parametrize(
    ("name", "address"), [(("127.0.0.1", 8000), "http://127.0.0.1:8000/"), (("::1", 8000, 0, 0), "http://[::1]:8000/")]
)
def test_an_address_is_one_that_a_browser_takes(name, address):
    assert server.address_of(SimpleNamespace(getsockname=lambda: name)) == address


@pytest.mark.parametrize(
    ("peer", "told", "address"),
    [
        ("127.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        ("127.0.0.1", ["198.51.100.1", "203.0.113.7", "10.1.2.3"], "203.0.113.7"),
        ("10.1.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        ("127.0.0.1", ["203.0.113.7:4711, 10.1.2.3"], "203.0.113.7"),
        ("127.0.0.1", ["[2001:db8::7]:4711, 10.1.2.3"], "2001:db8::7"),
        ("127.0.0.1", ["198.51.100.1, unknown"], None),
        ("127.0.0.1", ["10.1.2.4, 10.1.2.3"], "10.1.2.4"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
    ],
)
async def test_of_forwarded_addresses_the_right_most_that_is_no_proxy_of_ours_counts(settings, peer, told, address):
    settings.FORWARDED_ALLOW_IPS = ["127.0.0.1", "10.1.0.0/16"]
    seen = []

    async def application(scope, receive, send):
        seen.append(audit.address_in(scope))

    config = server.configuration()
    config.app = application
    config.load()
    headers = [(b"x-forwarded-for", line.encode()) for line in told]
    await config.loaded_app({"type": "http", "client": (peer, 50_000), "headers": headers}, None, None)
    assert seen == [address]
