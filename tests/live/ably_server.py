"""The local Ably-compatible server as a process that tests start, kill and start again."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.live.forking import start
from tests.live.process import all_of, answers

ROOT = Path(__file__).resolve().parent.parent.parent
KEY_NAME = "semtas.local"
SECRET = "segredo-de-teste-com-64-letras-para-que-hs512-tenha-as-que-pedex"  # as many as HS512 asks for
_STARTS_WITHIN = 120  # seconds; on a machine of its own it takes less than one


def free_port() -> int:
    """Below those that outgoing connections are given: one of them could take it before the server starts."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            return probe.getsockname()[1]


class AblyServer:
    """One server on one port. What it held in memory is gone once it is killed or stopped; the port and key stay."""

    def __init__(self, port: int | None = None, secret: str = SECRET, *options: str):
        self.port = port or free_port()
        self.key = f"{KEY_NAME}:{secret}"
        self._options = options
        self._process: subprocess.Popen | None = None
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 – the process writes to it until `stop`

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> "AblyServer":
        """Start it, and return once it answers. Raises RuntimeError, with what it said, where it does not."""
        script = str(ROOT / "script" / "ably-server")
        words = [sys.executable, script, f"--port={self.port}", f"--key={self.key}", *self._options]
        self._process = start(words, None, self._output.fileno(), self._output.fileno())
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self.answers():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
                raise RuntimeError(f"the Ably server ended at its start:\n{self.output()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the Ably server did not answer within {_STARTS_WITHIN} s:\n{self.output()}")
        return self

    def renew_key(self, secret: str) -> None:
        """From the next start on; the old key is worth nothing then."""
        self.key = f"{KEY_NAME}:{secret}"

    def answers(self) -> bool:
        return answers(f"{self.url}/time", within=5)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it for good, and leave no file of it behind. Asked politely it would linger for seconds."""
        self.kill()
        (Path(os.environ.get("VAR_DIR") or ROOT / "var") / f"ably-server-{self.port}.json").unlink(missing_ok=True)
        self._output.close()

    def output(self) -> str:
        """The end of what it said."""
        return "".join(all_of(self._output).splitlines(keepends=True)[-20:])

    def __enter__(self) -> "AblyServer":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()
