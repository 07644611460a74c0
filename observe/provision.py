"""Make of `deploy/monitoring/` what Prometheus and Alertmanager start with here: the same rules, other addresses."""

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

MONITORING = Path(__file__).resolve().parent.parent / "deploy" / "monitoring"
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(
    r"(?P<before>\[|\boffset |\b(?:for|interval|group_wait|group_interval|repeat_interval): )"
    r"(?P<number>\d+)(?P<unit>[smhdw])\b"
)


def hurried(text: str, by: float) -> str:
    """Return rules or a route with each duration divided by `by`: windows, offsets, what is waited for.

    What an expression compares, such as a certificate's last fourteen days, stays: it is about the world.
    """

    def shorter(found: re.Match) -> str:
        milliseconds = int(found["number"]) * _UNITS[found["unit"]] * 1_000 / by
        return f"{found['before']}{round(milliseconds)}ms"

    return _DURATION.sub(shorter, text) if by != 1 else text


def provision(folder: Path, targets: Mapping[str, list[str]], ports: Mapping[str, int], site: str, by: float) -> None:
    """Write prometheus.yml, rules/ and alertmanager.yml into `folder`.

    `targets`: addresses by the job's name; jobs without any are left out. `ports`: of "alertmanager" and "receiver".
    """
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for path in (MONITORING / "rules").glob("*.yml"):
        (folder / "rules" / path.name).write_text(hurried(path.read_text(), by))
    every = f"{round(max(1_000, 15_000 / by))}ms"
    prometheus = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    prometheus["global"] |= {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
    prometheus["global"]["external_labels"] = {"site": site}
    prometheus["alerting"] = _to(f"127.0.0.1:{ports['alertmanager']}")
    prometheus["scrape_configs"] = [
        {"job_name": name, "static_configs": [{"targets": addresses}]} for name, addresses in targets.items()
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(prometheus))
    alertmanager = yaml.safe_load(hurried((MONITORING / "alertmanager.yml").read_text(), by))
    if by != 1:  # a hurried day may be any day, at any hour
        for route in alertmanager["route"]["routes"]:
            route.pop("active_time_intervals", None)
    alertmanager["receivers"] = [
        {"name": each["name"], "webhook_configs": [{"url": f"http://127.0.0.1:{ports['receiver']}/{each['name']}"}]}
        for each in alertmanager["receivers"]
    ]
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(alertmanager))


def _to(address: str) -> dict:
    return {"alertmanagers": [{"static_configs": [{"targets": [address]}]}]}
