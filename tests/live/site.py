"""The site's processes: `manage.py serve` on a free port and `manage.py dispatch`, on whatever database."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.live import prepared
from tests.live.ably_server import ROOT, AblyServer, free_port
from tests.live.forking import start
from tests.live.process import Process, answers

PASSWORD = "semtas-demo"
_ENDS_WITHIN = 300  # seconds; a command alone takes two
# Runs the Python of each line, which is JSON, and answers with a line: what it printed, and how it failed.
_BESIDE = """
import contextlib, io, json, sys, traceback
import django
django.setup()
for line in sys.stdin:
    said, failed = io.StringIO(), ""
    with contextlib.redirect_stdout(said):
        try:
            exec(json.loads(line), {})
        except BaseException:
            failed = traceback.format_exc()
    print(json.dumps([said.getvalue(), failed]), flush=True)
"""


@dataclass(frozen=True)
class Tree:
    """A checkout of this project, and the Python that has what it needs."""

    root: Path
    python: Path | str

    def command(self, *arguments: str) -> list[str]:
        return [str(self.python), str(self.root / "manage.py"), *arguments]


HERE = Tree(ROOT, sys.executable)


def manage(environment: dict[str, str], *arguments: str, tree: Tree = HERE) -> str:
    """What `manage.py *arguments` prints. Raises AssertionError, with what it said, where it fails."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        process = start(tree.command(*arguments), environment, stdout.fileno(), stderr.fileno())
        try:
            code = process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise
        for said in (stdout, stderr):
            said.seek(0)
        told = stdout.read()
        assert code == 0, f"manage.py {' '.join(arguments)}:\n{told}\n{stderr.read()}"
        return told


def environment_for(database: Path | str, ably: AblyServer | None = None, **more: str) -> dict[str, str]:
    """The environment of one process; nothing of the machine's own settings leaks in.

    `database` is the path of an SQLite file, or a DATABASE_URL.
    """
    reach_ably = (
        {"ABLY_API_KEY": ably.key, "ABLY_ENDPOINT": "127.0.0.1", "ABLY_PORT": str(ably.port), "ABLY_TLS": "false"}
        if ably
        else {"ABLY_API_KEY": ""}
    )
    url = database if isinstance(database, str) else f"sqlite:///{database}"
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "DATABASE_URL": url, "DEBUG": "true", **reach_ably, **more}


def migrate(database: Path) -> None:
    """Make the SQLite file `database` as `manage.py migrate` does. What was migrated once in this run is copied."""
    shutil.copy(prepared.once("migrated.sqlite3", _migrate), database)


def _migrate(database: Path) -> None:
    manage(environment_for(database), "migrate", "--verbosity", "0")


def talk_to(environment: dict[str, str], *words: str, tree: Tree = HERE) -> subprocess.Popen:
    """Start Python with `words`: a process that is told lines and answers with lines."""
    return subprocess.Popen(
        [str(tree.python), *words],
        env=environment,
        cwd=tree.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


class Command(Process):
    """One `manage.py` that goes on until it is ended, of whatever version of this project."""

    def __init__(self, environment: dict[str, str], *arguments: str):
        self._arguments = arguments
        super().__init__(HERE.command(*arguments), environment)

    def go_over_to(self, tree: Tree) -> None:
        """Be of that version in the next of its lives."""
        self.command = tree.command(*self._arguments)


class Site(Command):
    """One web process. Killed and started again it keeps its port and its database.

    Alone it has the dispatcher in it. Beside a DispatcherProcess: `Site(url, DISPATCHER="external", REDIS_URL=…)`.
    """

    name = "the site"

    def __init__(self, database: Path | str, ably: AblyServer | None = None, **settings: str):
        self.port = free_port()
        self.host = "127.0.0.1"  # as browsers are to call it
        self.database = database
        self._beside: subprocess.Popen | None = None
        super().__init__(environment_for(database, ably, **settings), "serve", "--port", str(self.port))

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def address(self) -> str:
        """Where it is, for whoever is no browser and knows no names."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        return answers(f"{self.address}/health/ready", within=10)

    def manage(self, *arguments: str) -> str:
        """Run a command beside the running site, on its database."""
        assert self.environment is not None
        return manage(self.environment, *arguments)

    def run(self, code: str) -> str:
        """What that Python prints, run beside the site on its database, by one process for all that a test asks for.

        Raises AssertionError where it fails.
        """
        if self._beside is None:
            assert self.environment is not None
            environment = {"DJANGO_SETTINGS_MODULE": "semtas.settings"} | self.environment
            self._beside = talk_to(environment, "-c", _BESIDE)
        assert self._beside.stdin is not None
        assert self._beside.stdout is not None
        self._beside.stdin.write(f"{json.dumps(code)}\n")
        self._beside.stdin.flush()
        said, failed = json.loads(self._beside.stdout.readline())
        assert not failed, f"{code}:\n{said}\n{failed}"
        return said

    def close(self) -> None:
        if self._beside is not None:
            with self._beside:
                self._beside.kill()
        super().close()

    def simulate(self, *arguments: str) -> subprocess.Popen:
        """Start `manage.py simulate` beside the running site; the caller waits for it."""
        return subprocess.Popen(
            HERE.command("simulate", *arguments),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


class DispatcherProcess(Command):
    """One `manage.py dispatch`: it leads, or stands by. Each of its lives begins as neither."""

    name = "the dispatcher"

    def __init__(self, database: str, ably: AblyServer | None = None, **settings: str):
        settings = {"DISPATCHER": "external", **settings}
        super().__init__(environment_for(database, ably, **settings), "dispatch")
        self._said_before = 0

    def launch(self) -> None:
        self._said_before = len(self.log())
        super().launch()

    def ready(self) -> bool:
        return self._last_word() is not None

    @property
    def leads(self) -> bool:
        """Whether it thinks so itself, by what it logged last."""
        return self._last_word() == "dispatcher_leads"

    def _last_word(self) -> str | None:
        said = self.log()[self._said_before :]
        words = ("dispatcher_leads", "dispatcher_follows", "dispatcher_lost_the_lead")
        return max((word for word in words if word in said), key=said.rfind, default=None)


def copy_of(database: Path, folder: Path) -> Path:
    """A database of one's own, made from `database`, which nobody has open."""
    return Path(shutil.copy(database, folder / "site.sqlite3"))
