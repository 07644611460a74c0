"""What `/metrics` shows."""

import re

import pytest

from notificacao import metrics

pytestmark = pytest.mark.urls("notificacao.health")


@pytest.fixture
def page(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    return answer.content.decode()


def test_the_page_shows_every_counter_of_ours_from_the_start(page):
    for name in (
        "notificacao_stamped_total",
        "notificacao_stamp_seconds_count",
        'notificacao_settled_total{outcome="published"}',
        'notificacao_settled_total{outcome="failed"}',
        'notificacao_settled_total{outcome="skipped"}',
        "notificacao_publish_seconds_count",
        'notificacao_canary_total{outcome="missed"}',
        "notificacao_canary_seconds_count",
        'notificacao_delivered_total{transport="ably"}',
        'notificacao_delivered_total{transport="sse"}',
        'notificacao_open_alerts{name="BreakerOpen"}',
        'notificacao_open_streams{lane="live"}',
        'notificacao_open_streams{lane="standby"}',
        "notificacao_stream_bytes_total",
    ):
        assert name in page


@pytest.mark.parametrize("edge", ["0.1", "0.5"])
def test_deliveries_have_edges_at_the_goals(page, edge):
    assert f'notificacao_delivery_seconds_bucket{{le="{edge}",transport="sse"}}' in page


def test_every_help_text_ends_with_its_unit(page):
    helps = re.findall(r"# HELP (notificacao_\w+) (.+)", page)
    ours = {name: text for name, text in helps if not name.endswith("_created")}
    assert len(ours) == 23
    units = "US dollars|level|rows|alerts|looks|percent|seconds|receipts|streams|events|bytes|messages|requests|state"
    units += "|probes"
    for name, text in ours.items():
        assert re.search(rf"\(({units})\)\.$", text), name


def test_a_delivery_of_exactly_100_ms_counts_as_within_the_goal(page, client):
    def within(text):
        return float(re.search(r'delivery_seconds_bucket\{le="0.1",transport="ably"\} (\S+)', text)[1])

    metrics.DELIVERY_SECONDS.labels("ably").observe(0.1)
    assert within(client.get("/metrics").content.decode()) == within(page) + 1
