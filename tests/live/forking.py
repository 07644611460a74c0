"""Python processes that begin with other people's packages loaded: each is forked from one that loaded them.

To load Django and the like takes most of the second of a core that a start of `manage.py serve` costs. Nothing of ours
is loaded before the fork, and no setting read. What is forked is a process like any other: pid, signals, exit code,
environment and open files are its own. Its server: `python -m tests.live.forking FD`.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
_LOADED = """
argon2 channels.routing django.contrib.staticfiles.finders django.core.handlers.asgi django.core.management environ
django.db.models django.forms django.template.engine django.urls httptools jwt markdown markdown_it prometheus_client
psycopg psycopg_pool pydantic redis.asyncio requests stamina structlog uvicorn.main uvloop yaml
"""
_READ_AT_THE_START = ("LC_", "LD_", "MALLOC_", "OTEL_", "PYTHON", "SSL_")  # of the interpreter, or of what is loaded


def start(command: Sequence[str], environment: dict[str, str] | None, stdout: int, stderr: int, **how):
    """Start it: a `Forked` where it is this Python with a program of this checkout, else a `Popen`.

    Either ends with this process, however that ends: at the latest where a process is forked too.
    """
    of_ours = command[0] == sys.executable and command[1] in ("-c", "-m", str(_ROOT / "manage.py"))
    if of_ours and environment and not how and not any(name.startswith(_READ_AT_THE_START) for name in environment):
        return Forked(command, environment, stdout, stderr)
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, **how)
    _others.append(process)
    if _server.cache_info().currsize:
        _mind(_server(), process)
    return process


_others: list[subprocess.Popen] = []


def _mind(server: socket.socket, process: subprocess.Popen) -> None:
    if process.poll() is None:
        server.send(json.dumps({"mind": process.pid}).encode())


class Forked:
    """One process, with what tests use of `subprocess.Popen`."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], stdout: int, stderr: int):
        self.args = command
        self.returncode: int | None = None
        self._told, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = {"words": list(command[1:]), "environment": environment, "folder": os.getcwd()}
        with end, open(os.devnull) as stdin:
            files = [end.fileno(), stdin.fileno(), stdout, stderr]
            socket.send_fds(_server(), [json.dumps(order).encode()], files)
        self.pid = int(self._told.recv(16))

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                self.returncode = int(self._told.recv(16))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing, where it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it may end between the two
                os.kill(self.pid, number)


@functools.cache
def _server() -> socket.socket:
    """The way to this process's own server, which ends with it, and ends what this process started."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    words = [sys.executable, "-m", "tests.live.forking", str(its.fileno())]
    with its:
        subprocess.Popen(words, cwd=_ROOT, env=kept, stdout=subprocess.DEVNULL, pass_fds=[its.fileno()])
    for process in _others:
        _mind(ours, process)
    return ours


def _orders(way: socket.socket) -> dict:
    """Fork for each order, and tell who gave it the pid and the exit code. Returns the order, in each fork alone.

    Where nobody is left to give orders, what was forked or is minded is killed.
    """
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells the whole group
    with selectors.DefaultSelector() as selector:
        selector.register(way, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not way:
                    _tell_the_end(selector.unregister(key.fileobj))
                    continue
                order, files, *_ = socket.recv_fds(way, 1 << 17, 4)
                if not order:
                    _kill([key.fileobj for key in selector.get_map().values() if key.fileobj is not way])
                    sys.exit()
                if not files:
                    with contextlib.suppress(ProcessLookupError):
                        selector.register(os.pidfd_open(json.loads(order)["mind"]), selectors.EVENT_READ)
                    continue
                told, *files = files
                pid = os.fork()
                if not pid:
                    for number, file in enumerate(files):
                        os.dup2(file, number)
                    signal.signal(signal.SIGINT, interrupted)
                    return json.loads(order)
                os.write(told, b"%d" % pid)
                for file in files:
                    os.close(file)
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, told))


def _kill(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)


def _tell_the_end(ended: selectors.SelectorKey) -> None:
    os.close(ended.fd)
    if ended.data is None:
        return
    pid, told = ended.data
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it
        os.write(told, b"%d" % code)
    os.close(told)


def _run(words: list[str], environment: dict[str, str], folder: str) -> None:
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    how, *rest = words
    sys.argv = [how, *rest] if how.endswith(".py") else rest
    if how == "-m":
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif how == "-c":
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_path(how, run_name="__main__")


if __name__ == "__main__":
    for name in _LOADED.split():
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    _run(**_orders(socket.socket(fileno=int(sys.argv[1]))))
