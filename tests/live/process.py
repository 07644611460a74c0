"""A process that tests start, freeze, kill and start again."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

import httpx

from tests.live.forking import Forked, start

STARTS_WITHIN = 120  # seconds; on a machine of its own each takes less than three
STOPS_WITHIN = 60  # seconds

_http = httpx.Client()  # for all questions: each client reads the machine's certificates, some 20 ms of a core


def answers(address: str, within: float) -> bool:
    """Whether a server says there, within that many seconds, that all is well."""
    try:
        return _http.get(address, timeout=within).is_success
    except httpx.HTTPError:
        return False


def children(pid: int) -> list[int]:
    """The processes that it has started and that have not ended. Each may end before it is signalled."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def signal_each(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal those of them that have not ended by themselves."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def all_of(output: IO) -> str:
    """All that was written to it. The file's place is not moved: whoever writes shares it, and would write there."""
    return os.pread(output.fileno(), os.fstat(output.fileno()).st_size, 0).decode(errors="replace")


class Process:
    """One command. Killed and started again it goes on in the same log; subclasses say what it takes to be ready."""

    name = "the process"
    starts_within = STARTS_WITHIN

    def __init__(self, command: Sequence[str | Path], environment: dict[str, str] | None = None, **how):
        self.command = [str(word) for word in command]
        self.environment = environment
        self._how = how
        self._process: subprocess.Popen | Forked | None = None
        self._output = tempfile.TemporaryFile("a+b")  # noqa: SIM115 – the process writes to it, each of its lives

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ready(self) -> bool:
        return True

    def start(self):
        """Start it, and return once it is ready. Raises RuntimeError, with what it said, where it is not."""
        self.launch()
        return self.wait_until_ready()

    def launch(self) -> None:
        """Start it without waiting."""
        output = self._output.fileno()
        self._process = start(self.command, self.environment, output, output, **self._how)

    def wait_until_ready(self):
        """What was launched. Raises RuntimeError as `start` does."""
        deadline = time.monotonic() + self.starts_within
        while not self.ready():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.name} is not ready:\n{self.log()[-4_000:]}")
            time.sleep(0.02)
        return self

    def freeze(self) -> None:
        """Stop it where it stands (SIGSTOP): its sockets stay open, its locks stay held."""
        self._signal(signal.SIGSTOP)
        signal_each(self._children(), signal.SIGSTOP)  # read now that it makes no more of them

    def thaw(self) -> None:
        still = self._children()  # it may end as soon as it goes on
        self._signal(signal.SIGCONT)
        signal_each(still, signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Signal it, where it has not ended."""
        assert self._process is not None, f"{self.name} is not running"
        self._process.send_signal(number)

    def _children(self) -> list[int]:
        """The processes that stand still with it."""
        return []

    def end(self, number: signal.Signals) -> int:
        """Send a signal that ends it, and wait for that; its exit code."""
        self._signal(number)
        code = self._process.wait(STOPS_WITHIN)
        self._process = None
        return code

    def terminate(self) -> int:
        """Ask it to end, as an operator does; its exit code."""
        return self.end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash does. Nothing, where it is not running."""
        if self._process is not None:
            self.end(signal.SIGKILL)

    def log(self) -> str:
        """All that it said, in all its lives."""
        return all_of(self._output)

    def close(self) -> None:
        """End it for good, and leave nothing of it behind."""
        self.kill()
        self._output.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_) -> None:
        self.close()
