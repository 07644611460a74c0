"""Other ASGI servers than `manage.py serve`: daphne ends with its streams, and what would never end does not start."""

import signal
import subprocess
import sys

import httpx
import pytest

from notificacao.server.runtime import WRONG_SERVER
from tests.live.ably_server import ROOT, free_port
from tests.live.process import Process, answers
from tests.live.site import PASSWORD, environment_for, manage, migrate
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]


class Daphne(Process):
    """daphne with the site: bare, or as `manage.py runserver` has it."""

    name = "daphne"

    def __init__(self, environment: dict[str, str], *command: str):
        self.port = free_port()
        where = [word.format(port=self.port) for word in command]
        super().__init__([sys.executable, *where], environment, cwd=ROOT)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        return answers(f"{self.url}/health/live", within=10)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    database = tmp_path_factory.mktemp("others") / "others.sqlite3"
    migrate(database)
    environment = environment_for(database)
    manage(environment, "demo")
    return environment


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "semtas.asgi:application"),
        ("manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
    ],
    ids=["daphne", "runserver"],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_daphne_ends_while_a_stream_is_open(environment, command, number):
    with Daphne(environment, *command) as server, httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        client.get("/entrar/")
        form = {"username": "ana", "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        assert client.post("/entrar/", data=form).status_code == 302
        while True:
            with client.stream("GET", "/api/v1/stream/") as stream:
                if stream.status_code == 503:  # its hub has just begun
                    continue
                assert stream.status_code == 200
                next(stream.iter_text())
                server.end(number)
                break


def test_a_server_that_would_wait_for_open_streams_for_ever_does_not_start_and_says_why(environment):
    command = [sys.executable, "-m", "uvicorn", "--port", str(free_port()), "semtas.asgi:application"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert ended.returncode != 0
    assert WRONG_SERVER in ended.stderr
