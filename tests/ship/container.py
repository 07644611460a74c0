"""The image of deploy/Dockerfile and its containers: read-only, without capabilities, with bounds, on this network.

Each process is the first of its container, as in Kubernetes. podman's own health checks need systemd; the tests ask.
"""

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.live.ably_server import ROOT, AblyServer
from tests.live.process import Process, answers
from tests.live.site import Site, environment_for
from tests.waiting import PATIENCE

IMAGE = "localhost/semtas-notificacoes:tested"
_MEMORY = "512m"
_PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
_BOUNDS = (
    *("--read-only", "--read-only-tmpfs=false", "--cap-drop", "all", "--security-opt", "no-new-privileges"),
    *("--memory", _MEMORY, "--pids-limit", "256", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"),
    *("--network", "host", "--no-healthcheck", "--rm"),
)
SECRETS = {
    "SECRET_KEY": secrets.token_hex(32),
    "ENCRYPTION_SECRET": secrets.token_hex(32),
    "SIGNING_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
}


def program(name: str) -> str:
    """Return where a program of the tests' packages is: beside this Python, or in the PATH."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{name} is missing: run script/bootstrap --dev --ship."
    return found


def run(*command: str) -> str:
    """Return what a command prints. Raises AssertionError, with what it said, where it fails."""
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1_200, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{' '.join(command[:4])}:\n{done.stdout[-4_000:]}\n{done.stderr[-4_000:]}"
    return done.stdout


def podman(*words: str) -> str:
    return run(*_PODMAN, *words)


def inspect() -> dict:
    """Return what the image says of itself."""
    return json.loads(run("buildah", "inspect", "--type", "image", IMAGE))["Docker"]


def in_image(*words: str, user: str = "10001:10001") -> str:
    """Run a program of the image within the same bounds as the site."""
    return podman("run", *_BOUNDS, "--user", user, "--entrypoint", words[0], IMAGE, *words[1:])


def settings_for(database: str, ably: AblyServer | None, **more: str) -> dict[str, str]:
    """Return the settings of a container: as in production, but for TLS, which no proxy ends here."""
    machine = {"PATH", "HOME", "LANG", "TMPDIR"}
    told = environment_for(database, ably, **(SECRETS | {"DISPATCHER": "external", "BEHIND_TLS": "false"} | more))
    return {name: value for name, value in told.items() if name not in machine} | {"DEBUG": "false"}


class Container(Process):
    """One container, ended with all that is in it. It keeps its settings and its port over its lives."""

    name = "the container"

    def __init__(self, settings: dict[str, str], command: Sequence[str], address: str):
        self.called = f"semtas-{secrets.token_hex(4)}"
        self._address = address
        super().__init__(container(self.called, settings, command))

    def ready(self) -> bool:
        return answers(f"{self._address}/health/ready", within=PATIENCE)

    def execute(self, *words: str) -> str:
        return podman("exec", self.called, *words)

    def kill(self) -> None:
        remove(self.called)
        super().kill()


class ContainerSite(Site):
    """A web process in a container, for the scenes; commands beside it run on this machine."""

    name = "the site's container"

    def __init__(self, database: str, ably: AblyServer | None = None, **settings: str):
        inside = settings_for(database, ably, **settings)
        super().__init__(database, ably, **(SECRETS | settings))
        self.called = f"semtas-{secrets.token_hex(4)}"
        self.command = container(self.called, inside, ["serve", "--host", "127.0.0.1", "--port", str(self.port)])

    def kill(self) -> None:
        remove(self.called)
        super().kill()

    def terminate(self) -> int:
        """Ask what is in it to end, as podman and Kubernetes do; its exit code."""
        podman("kill", "--signal", signal.SIGTERM.name, self.called)
        assert self._process is not None
        return self._process.wait(PATIENCE)


def container(called: str, settings: dict[str, str], command: Sequence[str]) -> list[str]:
    told = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    return [*_PODMAN, "run", "--name", called, *_BOUNDS, *told, IMAGE, *command]


def remove(called: str) -> None:
    subprocess.run([*_PODMAN, "rm", "--force", "--time", "0", called], capture_output=True, check=False, timeout=60)
