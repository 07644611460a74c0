"""What `script/observe` starts with is what is deployed, but for addresses, receivers and the pace."""

import json
import subprocess
import urllib.request

import pytest
import yaml

from observe.processes import ROOT
from observe.provision import MONITORING, hurried, provision
from observe.receiver import Receiver

PORTS = {"alertmanager": 9093, "receiver": 9000}
TARGETS = {"web": ["127.0.0.1:8000"]}


@pytest.mark.parametrize(
    ("slow", "fast"),
    [
        ("rate(x[5m])", "rate(x[10000ms])"),
        ("x[1h] offset 1w", "x[120000ms] offset 20160000ms"),
        ("for: 30s", "for: 1000ms"),
        ("group_wait: 0s", "group_wait: 0ms"),
        ("errors:failed:ratio_5m > 14.4 * 0.005", "errors:failed:ratio_5m > 14.4 * 0.005"),
        ('start_time: "08:00"', 'start_time: "08:00"'),
        ("time() < 14 * 86400", "time() < 14 * 86400"),
    ],
)
def test_what_is_waited_for_is_shorter_and_what_is_compared_stays(slow, fast):
    assert hurried(slow, 30) == fast


def test_at_their_own_pace_the_rules_are_those_that_are_deployed(tmp_path):
    provision(tmp_path, TARGETS, PORTS, "http://127.0.0.1:8000", 1)
    deployed = {path.name: path.read_text() for path in (MONITORING / "rules").iterdir()}
    assert {path.name: path.read_text() for path in (tmp_path / "rules").iterdir()} == deployed


def test_the_levels_and_what_is_inhibited_are_those_that_are_deployed(tmp_path):
    provision(tmp_path, TARGETS, PORTS, "http://127.0.0.1:8000", 1)
    here, there = (
        yaml.safe_load((folder / "alertmanager.yml").read_text())
        for folder in (tmp_path, ROOT / "deploy" / "monitoring")
    )
    assert {name: here[name] for name in here if name != "receivers"} == {
        name: there[name] for name in there if name != "receivers"
    }
    assert [each["name"] for each in here["receivers"]] == [each["name"] for each in there["receivers"]]


@pytest.mark.services
@pytest.mark.parametrize("by", [1, 30])
def test_what_is_made_is_understood(by, tmp_path):
    provision(tmp_path, TARGETS, PORTS, "http://127.0.0.1:8000", by)
    for command in (
        ["promtool", "check", "config", tmp_path / "prometheus.yml"],
        ["amtool", "check-config", tmp_path / "alertmanager.yml"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_of_a_message_is_told_with_whom_it_is_for():
    heard = []
    alert = {
        "status": "firing",
        "labels": {"alertname": "SiteAway"},
        "annotations": {"summary": "O site está fora do ar", "runbook": "http://x/admin/plantao/#SiteAway"},
    }
    body = json.dumps({"alerts": [alert, alert | {"status": "resolved"}]}).encode()
    with Receiver(heard.append) as receiver:
        urllib.request.urlopen(f"http://127.0.0.1:{receiver.port}/nivel-3", body, timeout=10).close()
    assert [(each.to, each.alert, each.status) for each in heard] == [
        ("nivel-3", "SiteAway", "firing"),
        ("nivel-3", "SiteAway", "resolved"),
    ]
