"""The site as a process: `manage.py serve` on a free port, with an SQLite database of its own."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.live.ably_server import ROOT, AblyServer, free_port

_READY_WITHIN = 30  # seconds
PASSWORD = "semtas-demo"


def manage(environment: dict[str, str], *arguments: str) -> str:
    """What `manage.py *arguments` prints. Raises CalledProcessError, with what it said, where it fails."""
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"manage.py {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment_for(database: Path, ably: AblyServer | None = None, **more: str) -> dict[str, str]:
    """The environment of one site; nothing of the machine's own settings leaks in."""
    reach_ably = (
        {"ABLY_API_KEY": ably.key, "ABLY_ENDPOINT": "127.0.0.1", "ABLY_PORT": str(ably.port), "ABLY_TLS": "false"}
        if ably
        else {"ABLY_API_KEY": ""}
    )
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "DATABASE_URL": f"sqlite:///{database}", "DEBUG": "true", **reach_ably, **more}


class Site:
    """One site process. Killed and started again it keeps its port and its database."""

    def __init__(self, database: Path, ably: AblyServer | None = None, **settings: str):
        self.port = free_port()
        self.environment = environment_for(database, ably, **settings)
        self._log = database.with_suffix(".log")
        self._process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> "Site":
        """Start it, and return once it is ready. Raises RuntimeError with what it said where it is not."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(self.port)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the site is not ready:\n{self.log()[-4_000:]}")
            time.sleep(0.05)
        return self

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def manage(self, *arguments: str) -> str:
        """Run a command beside the running site, on its database."""
        return manage(self.environment, *arguments)

    def simulate(self, *arguments: str) -> subprocess.Popen:
        """Start `manage.py simulate` beside the running site; the caller waits for it."""
        command = [sys.executable, str(ROOT / "manage.py"), "simulate", *arguments]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def terminate(self) -> int:
        """Ask it to end, as an operator does; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> "Site":
        return self.start()

    def __exit__(self, *_) -> None:
        self.kill()


def copy_of(database: Path, folder: Path) -> Path:
    """A database of one's own, made from `database`, which nobody has open."""
    return Path(shutil.copy(database, folder / "site.sqlite3"))
