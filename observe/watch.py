"""Start Prometheus and Alertmanager over targets of this machine, and hear what they tell."""

import contextlib
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from observe.processes import Server, free_port
from observe.provision import provision
from observe.receiver import Message, Receiver


class Watch(NamedTuple):
    """The addresses of both, and the receiver of what they tell."""

    prometheus: str
    alertmanager: str
    receiver: Receiver

    def firing(self) -> set[str]:
        """The names of the alerts that Prometheus finds now, those that another one quietens among them."""
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/alerts", timeout=10) as answer:
            alerts = json.load(answer)["data"]["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}


@contextlib.contextmanager
def watching(
    folder: Path, targets: Mapping[str, list[str]], site: str, by: float, told: Callable[[Message], object]
) -> Iterator[Watch]:
    """Watch `targets` (addresses by job) until the block ends; time passes `by` times as fast for the rules."""
    ports = {"alertmanager": free_port(), "prometheus": free_port()}
    with Receiver(told) as receiver:
        provision(folder, targets, {**ports, "receiver": receiver.port}, site, by)
        addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        alertmanager = [
            "prometheus-alertmanager",
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
            "--cluster.listen-address=",
        ]
        prometheus = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
        ]
        with (
            Server(alertmanager, f"{addresses['alertmanager']}/-/ready", folder / "alertmanager.log"),
            Server(prometheus, f"{addresses['prometheus']}/-/ready", folder / "prometheus.log"),
        ):
            yield Watch(addresses["prometheus"], addresses["alertmanager"], receiver)
