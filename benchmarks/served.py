"""A server under measurement: started on its own core, weighed, and ended by its process id."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.live.process import all_of, answers

SERVER_CORE, CLIENT_CORE = 0, 1
PRODUCTION = {
    "LOG_LEVEL": "WARNING",
    "DEBUG": "false",
    "BEHIND_TLS": "false",
    "SECRET_KEY": "s" * 50,
    "ENCRYPTION_SECRET": "e" * 50,
    "SIGNING_KEYS": "c" * 43 + "=",
}


class Served:
    """`command` listens on `port` of 127.0.0.1 and answers `ready` with success once it serves."""

    def __init__(self, command: list[str], environment: dict[str, str], port: int, ready: str):
        self.port = port
        self._command = ["taskset", "-c", str(SERVER_CORE), *command]
        self._environment = environment
        self._ready = f"http://127.0.0.1:{port}{ready}"
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 — as long as the process

    def __enter__(self) -> "Served":
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._said, stderr=self._said, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while not answers(self._ready, within=2):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"{' '.join(self._command)} is not ready:\n{self.said()}")
            time.sleep(0.1)
        return self

    def said(self) -> str:
        """The end of what it logged."""
        return all_of(self._said)[-3_000:]

    def __exit__(self, *_) -> None:
        """A server that waits for its streams is not waited for."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def pids(self) -> list[int]:
        return family(self.pid)

    def kilobytes(self) -> int:
        """Resident, of all its processes."""
        statuses = [Path(f"/proc/{pid}/status").read_text() for pid in self.pids()]
        return sum(int(status.split("VmRSS:")[1].split()[0]) for status in statuses)

    def seconds_on_core(self) -> float:
        return seconds_on_core(self.pid)


def family(pid: int) -> list[int]:
    """The ids of a process and of those that it started."""
    pids = [pid]
    for each in pids:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                pids += [int(child) for child in children.read_text().split()]
    return pids


def seconds_on_core(pid: int) -> float:
    """Processor time used so far by a process and those that it started."""
    ticks = 0
    for each in family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # those of its children that have ended count along
    return ticks / os.sysconf("SC_CLK_TCK")
