"""A Kubernetes API server of our own on etcd. Nothing runs what it is told of: it judges, and keeps what it took."""

import json
import secrets
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.live.ably_server import ROOT, free_port
from tests.live.process import Process, answers
from tests.ship.manifests import Object


def tools() -> Path:
    """Return the folder of kube-apiserver, kubectl and the definitions; they are built where they are not there yet."""
    return Path(subprocess.check_output([ROOT / "script" / "kube-apiserver"], text=True).strip())


class Etcd(Process):
    """Where the API server keeps what it took."""

    name = "etcd"

    def __init__(self, folder: Path):
        self.url = f"http://127.0.0.1:{free_port()}"
        peers = f"http://127.0.0.1:{free_port()}"
        super().__init__(
            [
                "etcd",
                f"--data-dir={folder / 'etcd'}",
                f"--listen-client-urls={self.url}",
                f"--advertise-client-urls={self.url}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}",
            ]
        )

    def ready(self) -> bool:
        return answers(f"{self.url}/health", within=2)


class ApiServer(Process):
    """kube-apiserver, and kubectl for one administrator of it."""

    name = "kube-apiserver"

    def __init__(self, folder: Path, etcd: Etcd):
        self.kubectl_program = tools() / "bin" / "kubectl"
        self._folder = folder
        port, token = free_port(), secrets.token_hex(16)
        key = _write_key(folder / "accounts.key")
        (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
        self._write_config(port, token)
        super().__init__(
            [
                tools() / "bin" / "kube-apiserver",
                f"--etcd-servers={etcd.url}",
                "--bind-address=127.0.0.1",
                f"--secure-port={port}",
                f"--cert-dir={folder}",  # it makes its own certificate there
                f"--token-auth-file={folder / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--endpoint-reconciler-type=none",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={key}",
                f"--service-account-signing-key-file={key}",
            ]
        )

    def ready(self) -> bool:
        return self.kubectl("get", "--raw=/readyz").returncode == 0

    def kubectl(self, *words: str, objects: Iterable[Object] = ()) -> subprocess.CompletedProcess:
        """Run kubectl, with `objects` on its standard input."""
        return subprocess.run(
            [self.kubectl_program, f"--kubeconfig={self._folder / 'config'}", *words],
            input="\n---\n".join(map(json.dumps, objects)),  # not a List: kubectl would check that by itself
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def apply(self, objects: Iterable[Object], *words: str) -> subprocess.CompletedProcess:
        """Hand objects to it. Whatever it does not know in them is an error."""
        return self.kubectl("apply", "--server-side", "--validate=strict", *words, "--filename=-", objects=objects)

    def judge(self, objects: Iterable[Object]) -> subprocess.CompletedProcess:
        """Have it check objects as if they were to stay."""
        return self.apply(objects, "--dry-run=server")

    def _write_config(self, port: int, token: str) -> None:
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(self._folder / "apiserver.crt")}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "own", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "own", "context": {"cluster": "own", "user": "admin"}}],
            "current-context": "own",
        }
        (self._folder / "config").write_text(json.dumps(config))


def _write_key(path: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form))
    return path
