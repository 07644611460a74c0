"""A bare Debian 12 that `deploy/server/install` makes a server, in namespaces of its own.

systemd does not run there: what it would start is started by the units' own lines.
"""

import ctypes
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.live.ably_server import ROOT
from tests.live.process import Process

_PACKAGES = "ca-certificates,iproute2,systemd"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "PIP_CERT": _CERTIFICATES,
    "NODE_EXTRA_CA_CERTS": _CERTIFICATES,
}
_HOLD = (
    'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && chroot "$0" ip link set lo up; exec sleep infinity'
)
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
INSTALLS_WITHIN = 900  # seconds
_Answer = TypeVar("_Answer")


class Namespaces(Process):
    """What keeps namespaces open: they, and all that runs in them, are gone with it."""

    name = "the namespaces"

    def __init__(self, root: Path, *, network: bool):
        self._root = root
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
        super().__init__([*words, "sh", "-c", _HOLD, root])

    @property
    def inner(self) -> int:
        """The first process in there, as this machine numbers it; 0 before there is one."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def ready(self) -> bool:
        return self.inner > 0 and b"sleep" in Path(f"/proc/{self.inner}/cmdline").read_bytes().split(b"\0")


class PlainServer:
    """One root file system. What runs in it shares no process, no mount and, once it is cut off, no network with us."""

    def __init__(self, root: Path):
        self.root = root
        self._namespaces: Namespaces | None = None
        self.processes: dict[str, Process] = {}  # by unit, what of it was started

    def make(self) -> None:
        """Make the file system, with a clone of this repository where the units expect it."""
        _run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(self.root))
        for name in ("/etc/resolv.conf", "/etc/hosts", _CERTIFICATES):
            shutil.copy(name, f"{self.root}{name}")
        # Nobody has to survive a loss of power here, and no package starts its service before the network is cut.
        (self.root / "etc/dpkg/dpkg.cfg.d/unsafe").write_text("force-unsafe-io\n")
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n").chmod(0o755)
        _run("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(self.root / "opt/semtas"))

    def write(self, name: str, text: str) -> Path:
        path = Path(f"{self.root}{name}")
        path.write_text(text)
        return path

    def read(self, name: str) -> str:
        return Path(f"{self.root}{name}").read_text()

    # --- Inside

    def enter(self, *, network: bool) -> None:
        """Begin a new set of namespaces, with this machine's network or with nothing but a loopback of its own."""
        self.leave()
        self._namespaces = Namespaces(self.root, network=network).start()

    def leave(self) -> None:
        """End all that runs there."""
        if self._namespaces:
            self._namespaces.close()
            self._namespaces = None

    @property
    def _inner(self) -> int:
        assert self._namespaces, "nobody has entered"
        return self._namespaces.inner

    def command(self, *words: str, user: str = "root", folder: str = "/") -> list[str]:
        """Return the command that runs `words` there."""
        told = [f"{name}={value}" for name, value in _ENVIRONMENT.items()]
        enter = ["nsenter", f"--target={self._inner}", "--mount", "--pid", "--net"]
        inside = ["chroot", f"--userspec={user}:{user}", str(self.root), "env", "-i", f"--chdir={folder}", *told]
        return [*enter, *inside, *words]

    def try_run(self, *words: str, **how: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*words, **how),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=INSTALLS_WITHIN,
        )

    def run(self, *words: str, **how: str) -> str:
        """What `words` print. Raises AssertionError, with that, where they fail."""
        done = self.try_run(*words, **how)
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}"
        return done.stdout

    def install(self, *words: str) -> str:
        return self.run("/opt/semtas/deploy/server/install", *words)

    def manage(self, *words: str) -> str:
        return self.run("semtas-manage", *words)

    def from_inside(self, ask: Callable[[], _Answer]) -> _Answer:
        """Return what `ask` returns in a thread whose new sockets are in there."""

        def enter() -> None:
            with Path(f"/proc/{self._inner}/ns/net").open() as network:
                assert ctypes.CDLL(None).setns(network.fileno(), _NEW_NETWORK) == 0, "the network is not to be entered"

        with ThreadPoolExecutor(1, initializer=enter) as thread:
            return thread.submit(ask).result()

    # --- What systemd would do

    def unit(self, name: str) -> "Unit":
        return Unit(self, name)

    def enabled(self) -> set[str]:
        """The units that the target starts."""
        return {path.name for path in (self.root / "etc/systemd/system/semtas.target.wants").iterdir()}


class Unit:
    """One of the installed units, with its drop-ins: `semtas-web@8000.service`."""

    def __init__(self, server: PlainServer, name: str):
        self._server = server
        template = re.sub(r"@.*\.", "@.", name)
        folder = server.root / "etc/systemd/system"
        text = (folder / template).read_text()
        if name.startswith("semtas-"):
            text += (folder / "semtas-.service.d/hardening.conf").read_text()
        found = re.search(r"@(.*)\.service$", name)
        self.lines = text.replace("%i", found[1] if found else "").splitlines()

    def values(self, name: str) -> list[str]:
        return [line.partition("=")[2] for line in self.lines if line.startswith(f"{name}=")]

    def commands(self) -> list[list[str]]:
        """Each ExecStart, as its user, in its folder."""
        (user,), folder = self.values("User"), "".join(self.values("WorkingDirectory")) or "/"
        return [self._server.command(*line.split(), user=user, folder=folder) for line in self.values("ExecStart")]

    def run(self) -> None:
        """Do what a oneshot does."""
        for command in self.commands():
            _run(*command)

    def process(self) -> Process:
        """The one process of a service, not yet started."""
        (command,) = self.commands()
        return Process(command)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    told = f"{command[0]} failed, which needs root here (uid {os.geteuid()}):"
    assert done.returncode == 0, f"{told}\n{done.stdout}\n{done.stderr}"
