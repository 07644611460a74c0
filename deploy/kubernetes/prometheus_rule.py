#!/usr/bin/env python3
"""Write the rules of deploy/monitoring/rules as the PrometheusRule that the component prometheus-operator holds.

Run it after a change there: .venv/bin/python deploy/kubernetes/prometheus_rule.py
"""

from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
RULES = HERE.parent / "monitoring" / "rules"
MADE = HERE / "components" / "prometheus-operator" / "rules.yaml"
_HEAD = "# Made of deploy/monitoring/rules by deploy/kubernetes/prometheus_rule.py: change them there.\n"


def made() -> str:
    """Return the whole text of the file, with the groups of each file in the order of their names."""
    groups = [group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "semtas-notificacoes"},
        "spec": {"groups": groups},
    }
    return _HEAD + yaml.safe_dump(rule, sort_keys=False, allow_unicode=True, width=10_000)


if __name__ == "__main__":
    MADE.write_text(made())
