"""The rules of `deploy/monitoring/`, and promtool as it runs them over series that a test makes."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import yaml

from tests.documents.product import ROOT

MONITORING = ROOT / "deploy" / "monitoring"
RULES = sorted((MONITORING / "rules").glob("*.yml"))
SITE = "https://notificacoes.example"
FIRING = 'count(ALERTS{alertname="%s",alertstate="firing"})'
_STRING = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"\{[^}]*\}|\b(?:by|on|without|ignoring)\s*\([^)]*\)|\[[^\]]*\]|\boffset\s+\w+")
_NAME = re.compile(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()")
_WORDS = {"and", "or", "unless", "bool", "inf", "nan"}


@cache
def groups() -> tuple[dict, ...]:
    return tuple(group for path in RULES for group in yaml.safe_load(path.read_text())["groups"])


def alerts() -> dict[str, dict]:
    return {rule["alert"]: rule for group in groups() for rule in group["rules"] if "alert" in rule}


def recorded() -> dict[str, list[str]]:
    """`{name: its expressions}`; of one name there may be several, with other labels each."""
    found: dict[str, list[str]] = {}
    for group in groups():
        for rule in group["rules"]:
            if "record" in rule:
                found.setdefault(rule["record"], []).append(rule["expr"])
    return found


def expressions() -> Iterator[str]:
    for group in groups():
        yield from (rule["expr"] for rule in group["rules"])


def metrics_of(expression: str) -> set[str]:
    """The metrics that an expression names, without labels, functions and words of PromQL."""
    bare = _LABELS.sub(" ", _STRING.sub('""', expression))
    return set(_NAME.findall(bare)) - _WORDS


def needed_for(alert: str) -> list[dict]:
    """The groups of the rules, with that alert alone and what it is made of: the rest would only take time."""
    wanted, ahead = set(), metrics_of(alerts()[alert]["expr"])
    while ahead:
        wanted |= ahead
        ahead = {name for each in ahead for text in recorded().get(each, ()) for name in metrics_of(text)} - wanted
    return [
        {**group, "rules": some}
        for group in groups()
        if (some := [rule for rule in group["rules"] if rule.get("alert") == alert or rule.get("record") in wanted])
    ]


def check(folder: Path, scene: dict, every: str, alert: str = "") -> str:
    """What promtool says against `scene`; nothing where it passes. With `alert`, of that one alone."""
    files = RULES
    if alert:
        files = [folder / "rules.yml"]
        files[0].write_text(json.dumps({"groups": needed_for(alert)}))
    file = folder / "scenes.yml"
    wanted = {"rule_files": list(map(str, files)), "evaluation_interval": every, "tests": [scene]}
    file.write_text(json.dumps(wanted))
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False, timeout=300
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def scene(series: Mapping[str, str], every: str, asked: list[dict]) -> dict:
    """One test of promtool's. `series`: `{name{labels}: values, one each `every`}`, in promtool's notation."""
    return {
        "interval": every,
        "external_labels": {"site": SITE},
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": asked,
    }


def count(expression: str, at: str, number: int) -> dict:
    """Expect that a `count(…)` is `number` at that time; nothing counted has no sample."""
    samples = [{"labels": "{}", "value": number}] if number else []
    return {"expr": expression, "eval_time": at, "exp_samples": samples}
