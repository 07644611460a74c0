"""Pods as kubelet would start them, from rendered manifests: in podman, on a network where each has its own address.

Kept are command, environment, user, root file system, capabilities, memory and grace; the probes are ours to ask.
"""

import ipaddress
import json
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Any

import httpx

from tests.live.process import Process
from tests.ship.container import _PODMAN, IMAGE, podman, remove
from tests.ship.manifests import Object, Workload
from tests.waiting import PATIENCE

_ULIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")


def network() -> tuple[ipaddress.IPv4Network, str]:
    """Return podman's own network, and the address of this machine on it."""
    (told,) = json.loads(podman("network", "inspect", "podman"))[0]["subnets"]
    return ipaddress.IPv4Network(told["subnet"]), told["gateway"]


def _free_address() -> str:
    """Return one of the network's upper half: podman itself begins at its lower end."""
    whole, _ = network()
    half = whole.num_addresses // 2
    return str(whole[half + secrets.randbelow(half - 2)])


class Pod(Process):
    """One pod of a workload, with what its ConfigMap and its Secret hold."""

    def __init__(self, made: Workload, settings: Mapping[str, str], secret: Mapping[str, str]):
        (self.container,) = made.containers
        self.name = f"the pod of {made.name}"
        self._grace = made.pod.get("terminationGracePeriodSeconds", 30)
        self.called = f"semtas-{made.name}-{secrets.token_hex(4)}"
        self.address = _free_address()
        told = self._environment({**settings, **secret})
        super().__init__(self._command(made, told))

    def _before_the_signal(self) -> int:
        """Return the seconds of the grace that `preStop` takes."""
        return self.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)

    def probe(self, name: str) -> bool:
        """Ask as kubelet does: the pod's address is its `Host`."""
        asked = self.container[name]
        (port,) = (one["containerPort"] for one in self.container["ports"] if one["name"] == asked["httpGet"]["port"])
        try:
            url = f"http://{self.address}:{port}{asked['httpGet']['path']}"
            return httpx.get(url, timeout=asked["timeoutSeconds"]).is_success
        except httpx.HTTPError:
            return False

    def ready(self) -> bool:
        probes = ("startupProbe", "livenessProbe", "readinessProbe")
        return all(self.probe(name) for name in probes if name in self.container)

    @property
    def healthy(self) -> bool:
        """Return what the image's own HEALTHCHECK says."""
        asked = [*_PODMAN, "healthcheck", "run", self.called]
        return subprocess.run(asked, capture_output=True, check=False, timeout=60).returncode == 0

    def terminate(self) -> float:
        """Tell it to end, once preStop is over; the seconds that it took. Raises where its grace is over before."""
        began = time.monotonic()
        podman("kill", "--signal", signal.SIGTERM.name, self.called)
        assert self._process is not None
        assert self._process.wait(self._grace - self._before_the_signal()) == 0, self.log()
        return time.monotonic() - began

    def run(self) -> int:
        """Run it to its end, as a Job's pod; its exit code."""
        self.launch()
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        remove(self.called)
        super().kill()

    def _environment(self, told: dict[str, str]) -> dict[str, str]:
        for one in self.container["env"]:
            value = self.address if "valueFrom" in one else one["value"]
            told[one["name"]] = re.sub(r"\$\((\w+)\)", lambda found: told[found[1]], value)
        return told

    def _command(self, made: Workload, told: Mapping[str, str]) -> list[str]:
        return [
            *(*_PODMAN, "run", "--rm", "--name", self.called, "--network", "podman", "--ip", self.address),
            *(*_ULIMITS, *_bounds(made.pod, self.container)),
            *(word for name, value in told.items() for word in ("--env", f"{name}={value}")),
            *("--entrypoint", json.dumps(self.container["command"]), IMAGE),
        ]


def _bounds(pod: Object, container: Object) -> list[str]:
    """Return what the security context, the limits and the volumes say, in podman's words."""
    who: Any = pod["securityContext"]
    bounds = container["securityContext"]
    sizes = {one["name"]: one["emptyDir"]["sizeLimit"] for one in pod["volumes"]}
    return [
        *("--user", f"{who['runAsUser']}:{who['runAsGroup']}"),
        *(("--read-only", "--read-only-tmpfs=false") if bounds["readOnlyRootFilesystem"] else ()),
        *(word for name in bounds["capabilities"]["drop"] for word in ("--cap-drop", name)),
        *(() if bounds["allowPrivilegeEscalation"] else ("--security-opt", "no-new-privileges")),
        *("--memory", _bytes(container["resources"]["limits"]["memory"])),
        *(
            f"--tmpfs={mount['mountPath']}:size={_bytes(sizes[mount['name']])},mode=1777"
            for mount in container["volumeMounts"]
        ),
    ]


def _bytes(told: str) -> str:
    return told.removesuffix("i").lower()
