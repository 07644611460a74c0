"""The names of alerts are one list, and each expression asks for what there is."""

import re

import pytest
from django_prometheus.middleware import Metrics
from prometheus_client import REGISTRY

from notificacao.alerts.definitions import DEFINITIONS
from tests.documents.product import ROOT
from tests.monitoring import rules
from tests.monitoring.scenes import FIRE, WELL

LEVELS = {"nivel-1", "nivel-2", "nivel-3", "nivel-4"}
HEADING = re.compile(r"^### (\w+): (.+)", re.MULTILINE)
SAID = ("O que significa", "O que se nota", "Olhe", "Faça", "Chame o próximo nível", "Acabou quando")
OF_PROMETHEUS = {"up"}
OF_EXPORTERS = {
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
    "pg_stat_replication_pg_wal_lsn_diff",
    "probe_ssl_earliest_cert_expiry",
    "probe_success",
    "redis_up",
}


def runbook() -> str:
    return (ROOT / "docs" / "pt-br" / "plantao.md").read_text()


def exported() -> set[str]:
    Metrics.get_instance()
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    return {family.name + end for family in REGISTRY.collect() for end in suffixes.get(family.type, ("",))}


def test_each_alert_has_its_place_in_the_runbook_and_the_other_way_round():
    headings = [name for name, _ in HEADING.findall(runbook())]
    assert sorted(headings) == sorted(rules.alerts())


@pytest.mark.parametrize("name", DEFINITIONS)
def test_an_alert_of_the_system_is_called_the_same_in_its_notice_its_rule_and_the_runbook(name):
    title = DEFINITIONS[name].title
    assert f"{title[0].lower()}{title[1:]}" == dict(HEADING.findall(runbook()))[name]
    summary = rules.alerts()[name]["annotations"]["summary"]
    assert re.sub(r" \{\{.*\}\}", "", summary) == title


def test_each_alert_is_tried_both_ways():
    assert {scene.alert for scene in FIRE} == {scene.alert for scene in WELL} == set(rules.alerts())


@pytest.mark.parametrize("name", rules.alerts())
def test_an_alert_says_whom_it_calls_and_where_to_read_on(name):
    alert = rules.alerts()[name]
    assert set(alert["labels"]) == {"severity"}
    assert alert["labels"]["severity"] in LEVELS
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    assert alert["annotations"]["runbook"] == "{{ $externalLabels.site }}/admin/plantao/#" + name


@pytest.mark.parametrize("name", rules.alerts())
def test_the_runbook_says_everything_of_an_alert(name):
    section = runbook().partition(f"### {name}: ")[2].partition("\n#")[0]
    assert [said for said in SAID if f"- **{said}:**" not in section] == []


def test_what_inhibits_and_what_is_inhibited_are_alerts():
    told = (rules.MONITORING / "alertmanager.yml").read_text()
    patterns = re.findall(r'alertname=~?"([^"]+)"', told)
    assert len(patterns) > 15
    unknown = [
        word
        for each in patterns
        for word in each.split("|")
        if not any(re.fullmatch(word, it) for it in rules.alerts())
    ]
    assert unknown == []


def test_each_expression_asks_for_what_is_exported():
    known = exported() | OF_EXPORTERS | OF_PROMETHEUS | set(rules.recorded())
    assert {name for each in rules.expressions() for name in rules.metrics_of(each)} - known == set()


def test_each_metric_of_an_exporter_is_asked_for():
    asked = {name for each in rules.expressions() for name in rules.metrics_of(each)}
    assert asked >= OF_EXPORTERS
    assert asked >= set(rules.recorded())
