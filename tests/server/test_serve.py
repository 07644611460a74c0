"""`manage.py serve`: a real process that answers, leaves when told to, and says why when it cannot start."""

import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.live.ably_server import ROOT
from tests.live.site import migrate
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A migrated database of its own, with the demonstration's people."""
    database = tmp_path_factory.mktemp("serve") / "serve.sqlite3"
    variables = {"DATABASE_URL": f"sqlite:///{database}", "DEBUG": "true", "ABLY_API_KEY": "", "DISPATCHER": "embedded"}
    environment = os.environ | variables
    migrate(database)
    subprocess.run([*manage("demo"), "-v", "0"], cwd=ROOT, env=environment, check=True, capture_output=True)
    return environment


READ_ONLY = """
import errno, os, sys
ROOT = os.getcwd() + os.sep

def refuse(event, values):
    writes = event in ("os.mkdir", "os.rename", "os.remove") or (
        event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    ) or event == "sqlite3.connect"
    if writes and os.path.abspath(os.fsdecode(values[0])).startswith(ROOT):
        raise OSError(errno.EROFS, "Read-only file system", values[0])

sys.addaudithook(refuse)
"""


def manage(*words):
    return [sys.executable, "manage.py", *words]


def start(environment, *words):
    return subprocess.Popen(
        manage("serve", "--port", "0", *words),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.fixture
def server(environment):
    process = start(environment)
    yield process
    process.kill()
    process.communicate()


def address(process):
    """From the line that it prints once it answers, after the one about its settings."""
    assert re.fullmatch(r"Configuração: .+; DEBUG (des)?ligado\n", process.stdout.readline())
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(PATIENCE), "the server said nothing"
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line
    return found[0]


def log_in(client, url=""):
    client.get(f"{url}/entrar/")
    form = {"username": "ana", "password": "semtas-demo", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    assert client.post(f"{url}/entrar/", data=form).status_code == 302


def test_it_answers_on_the_address_that_it_prints(server):
    assert httpx.get(f"{address(server)}/health/live", timeout=PATIENCE).json() == {"status": "ok"}


def test_the_hub_and_the_dispatcher_run_before_the_first_stream(server):
    url = f"{address(server)}/health/ready"
    while httpx.get(url, timeout=PATIENCE).status_code == 503:
        assert server.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(server, number):
    address(server)
    server.send_signal(number)
    assert server.wait(PATIENCE) == 0


def test_sigterm_sends_an_open_stream_away_instead_of_waiting_for_it(server):
    with httpx.Client(base_url=address(server), timeout=PATIENCE) as client:
        log_in(client)
        with client.stream("GET", "/api/v1/stream/") as stream:
            assert stream.status_code == 200
            pieces = stream.iter_text()
            received = next(pieces)
            server.send_signal(signal.SIGTERM)
            code = server.wait(PATIENCE)
            received += "".join(pieces)
    assert "drain" in received
    assert code == 0


def notify(environment, title):
    say = f"from notificacao.services import notify; notify(['system:notifications'], title='{title}', message='…')"
    subprocess.run([*manage("shell", "-c"), say], cwd=ROOT, env=environment, check=True, capture_output=True)


def read_titles(lines, last):
    """`(titles, last id)`, up to the title `last`; or up to the goodbye, where `last` is None."""
    titles, place = [], ""
    for line in lines:
        place = line[4:] if line.startswith("id: ") else place
        if line.startswith("data: ") and "title" in (data := json.loads(line[6:])):
            titles.append(data["title"])
        if titles[-1:] == [last] or (last is None and line == "event: bye"):
            break
    return titles, place


def test_a_page_loses_nothing_over_a_restart(environment, server):
    """It comes back with the last id that it saw, to another process."""
    url = address(server)
    with httpx.Client(timeout=PATIENCE) as client:
        log_in(client, url)
        with client.stream("GET", f"{url}/api/v1/stream/") as stream:
            lines = stream.iter_lines()
            notify(environment, "Antes")
            titles, place = read_titles(lines, "Antes")
            server.send_signal(signal.SIGTERM)
            assert read_titles(lines, None)[0] == []
        server.wait(PATIENCE)
        notify(environment, "Enquanto ninguém servia")
        following = start(environment)
        try:
            url = address(following)
            with client.stream("GET", f"{url}/api/v1/stream/", headers={"last-event-id": place}) as stream:
                notify(environment, "Depois")
                assert read_titles(stream.iter_lines(), "Depois")[0] == ["Enquanto ninguém servia", "Depois"]
        finally:
            following.kill()
            following.communicate()
    assert titles == ["Antes"]


def serve_in_vain(environment, port="0"):
    """What it says where it does not start."""
    ended = subprocess.run(
        manage("serve", "--port", port),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_port_that_is_taken_is_said_in_a_sentence(environment):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = serve_in_vain(environment, str(port))
    assert f"A porta {port} já está em uso: escolha outra com --port." in said


def test_a_port_that_does_not_exist_is_said_in_a_sentence(environment):
    assert "A porta 70000 não existe" in serve_in_vain(environment, "70000")


def test_a_second_server_on_the_same_sqlite_file_is_refused(server, environment):
    address(server)
    assert "com SQLite há um só" in serve_in_vain(environment)


def test_nor_does_a_link_to_the_file_or_to_its_folder_make_it_another(server, environment, tmp_path):
    address(server)
    file = Path(environment["DATABASE_URL"].removeprefix("sqlite:///"))
    (tmp_path / "file.sqlite3").symlink_to(file)
    (tmp_path / "folder").symlink_to(file.parent)
    for link in (tmp_path / "file.sqlite3", tmp_path / "folder" / file.name):
        assert "com SQLite há um só" in serve_in_vain(environment | {"DATABASE_URL": f"sqlite:///{link}"})


def test_a_file_with_a_second_name_is_refused_whichever_is_used(server, environment, tmp_path):
    """By two names it would have two journals, and two locks."""
    address(server)
    file = Path(environment["DATABASE_URL"].removeprefix("sqlite:///"))
    second = tmp_path / "file.sqlite3"
    second.hardlink_to(file)
    try:
        for name in (second, file):
            assert "notificacao.E010" in serve_in_vain(environment | {"DATABASE_URL": f"sqlite:///{name}"})
    finally:
        second.unlink()  # the tests that follow serve the same file


def test_it_starts_where_the_project_itself_is_read_only(tmp_path):
    """Whatever a process of Python would write beside the code is refused, as on a read-only root."""
    (tmp_path / "sitecustomize.py").write_text(READ_ONLY)
    variables = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "VAR_DIR": str(tmp_path / "var")}
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | variables
    subprocess.run([*manage("migrate"), "-v", "0"], cwd=ROOT, env=environment, check=True)
    process = start(environment)
    try:
        assert httpx.get(f"{address(process)}/health/live", timeout=PATIENCE).status_code == 200
    finally:
        process.kill()
        process.communicate()


def test_a_mixture_that_cannot_work_is_refused_before_anything_starts(environment):
    assert "notificacao.E005" in serve_in_vain(environment | {"DISPATCHER": "external"})


def test_with_the_demonstration_it_says_address_and_logins_once_it_is_up(environment):
    process = start(environment, "--demo")
    try:
        lines = [process.stdout.readline() for _ in range(9)]
        assert lines[0].startswith("Configuração: ")
        assert re.match(r"No ar em http://127", lines[1])
        assert re.match(r"login +senha", lines[2])
        assert [line.split()[0] for line in lines[3:]] == ["ana", "bia", "caio", "carla", "gil", "admin"]
    finally:
        process.kill()
        process.communicate()
