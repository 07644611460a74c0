"""A bare Debian in a folder of its own, with what the README asks for, entered by a user who is not root."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.live.ably_server import ROOT

_PACKAGES = "python3,python3-venv,ca-certificates"
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# In namespaces of its own: its mounts and whatever it started are gone with it.
_ENTER = 'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot --userspec=semtas:semtas "$0" "$@"'


class BareMachine:
    """One root file system. `home` is its user's folder, seen from outside; the checkout is `home/site`."""

    def __init__(self, root: Path):
        self.root = root
        self.home = root / "home" / "semtas"

    def make(self) -> None:
        """Make the file system, its user, and a clone of this repository; the network is that of this machine."""
        _run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(self.root))
        for name in ("etc/resolv.conf", "etc/hosts", _CERTIFICATES):
            shutil.copy(Path("/") / name, self.root / name)
        _run("chroot", str(self.root), "useradd", "--create-home", "semtas")
        _run("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(self.home / "site"))
        self.give_to_user()

    def give_to_user(self) -> None:
        _run("chroot", str(self.root), "chown", "--recursive", "semtas:semtas", "/home/semtas")

    def add_node(self) -> None:
        """Put this machine's Node and npm there, as somebody does who follows the README."""
        node = Path(shutil.which("node") or "").resolve()
        shutil.copy(node, self.root / "usr/local/bin/node")
        npm = Path(shutil.which("npm") or "").resolve().parent.parent
        shutil.copytree(npm, self.root / "usr/local/lib/npm", symlinks=True)
        for name in ("npm", "npx"):
            (self.root / "usr/local/bin" / name).symlink_to(f"../lib/npm/bin/{name}-cli.js")

    def command(self, line: str, **environment: str) -> list[str]:
        """Return the command that runs `line` in a shell of that user, in the checkout."""
        told = {
            "HOME": "/home/semtas",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PIP_CERT": f"/{_CERTIFICATES}",
            "NODE_EXTRA_CA_CERTS": f"/{_CERTIFICATES}",
            **environment,
        }
        inside = ["env", "-i", *(f"{name}={value}" for name, value in told.items())]
        inside += ["sh", "-c", f"cd ~/site && exec {line}"]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, str(self.root), *inside]

    def run(self, line: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(line), capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL
        )


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command[0]} failed, which needs root here (uid {os.geteuid()}):\n{done.stderr}"
