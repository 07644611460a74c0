"""Each alert fires when it must, and is silent when it is well, as promtool has it."""

import subprocess

import pytest

from tests.monitoring import rules
from tests.monitoring.healthy import TWO_WEEKS, healthy
from tests.monitoring.scenes import FIRE, WELL, Scene

pytestmark = pytest.mark.services


def named(scene: Scene) -> str:
    return f"{scene.alert}: {scene.what}"


@pytest.mark.parametrize("scene", FIRE, ids=named)
def test_an_alert_fires_when_it_must_and_not_before(scene, tmp_path):
    asked = [
        rules.count(rules.FIRING % scene.alert, scene.before, 0),
        rules.count(rules.FIRING % scene.alert, scene.at, scene.number),
        *([rules.count(rules.FIRING % scene.alert, scene.over, 0)] if scene.over else []),
    ]
    assert rules.check(tmp_path, rules.scene(scene.series, scene.every, asked), scene.every, scene.alert) == ""


@pytest.mark.parametrize("scene", WELL, ids=named)
def test_an_alert_is_silent_where_it_is_well_enough(scene, tmp_path):
    ever = f'count(count_over_time(ALERTS{{alertname="{scene.alert}",alertstate="firing"}}[30d]))'
    asked = [rules.count(ever, scene.at, 0)]
    assert rules.check(tmp_path, rules.scene(scene.series, scene.every, asked), scene.every, scene.alert) == ""


@pytest.mark.endurance
def test_two_healthy_weeks_with_nights_and_week_ends_raise_no_alert(tmp_path):
    ever = 'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[15d]))'
    asked = [rules.count(ever, f"{TWO_WEEKS}d", 0)]
    assert rules.check(tmp_path, rules.scene(healthy(TWO_WEEKS), "1m", asked), "5m") == ""


@pytest.mark.parametrize(
    "command",
    [
        ["promtool", "check", "config", "deploy/monitoring/prometheus.yml"],
        ["promtool", "check", "rules", *map(str, rules.RULES)],
        ["amtool", "check-config", "deploy/monitoring/alertmanager.yml"],
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_what_is_provisioned_is_understood(command):
    done = subprocess.run(command, cwd=rules.ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
