"""Start servers on free ports of this machine, freeze and kill them, and end each of them in the end."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_STARTS_WITHIN = 120  # seconds
_ENDS_WITHIN = 20  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError):
        return False


class Server:
    """One command, in a process group of its own. What it says is in `log`.

    It has started once `address` answers, or the command `ready` succeeds; without either, at once.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        address: str,
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        ready: Sequence[str] = (),
        **how,
    ):
        self._command = [str(word) for word in command]
        self._address, self._log, self._ready, self._how = address, log, ready, how
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen | None = None

    def start(self) -> "Server":
        """Raises RuntimeError, with the end of what it said, where it does not start."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._how,
            )
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text(errors="replace")[-2_000:]
                raise RuntimeError(f"{self._command[0]} does not start ({self._address}):\n{said}")
            time.sleep(0.1)
        return self

    def _is_ready(self) -> bool:
        if self._ready:
            return subprocess.run(self._ready, capture_output=True, check=False).returncode == 0
        return not self._address or answers(self._address)

    def run(self) -> None:
        """Run it to its end. Raises RuntimeError, with the end of what it said, where it fails."""
        self.start()
        assert self._process is not None
        if self._process.wait() != 0:
            raise RuntimeError(f"{' '.join(self._command)} failed:\n{self._log.read_text(errors='replace')[-2_000:]}")
        self._process = None

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """Ask it to end, and end it where that takes longer."""
        if self._process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDS_WITHIN)
        self.kill()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_) -> None:
        self.end()
