"""What `/metrics` shows."""

import itertools
import re

import pytest

from notificacao import metrics
from notificacao.metrics.families import SECONDS
from tests.documents.product import ROOT
from tests.scraped import scrape

UNITS = {
    *("alerts", "answers", "bytes", "changes", "dispatchers", "events", "looks", "messages", "percent", "probes"),
    *("receipts", "refusals", "requests", "rows", "seconds", "seconds since 1970", "state", "streams", "threads"),
    *("level", "tokens", "US dollars"),
}


@pytest.fixture
def page(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    return answer.content.decode()


def test_each_series_is_there_from_the_start():
    """A rate cannot be computed of a series that begins later, and no label has a value that is not listed."""
    page = scrape()
    for family in metrics.FAMILIES:
        shown = page.labels(f"{family.shown_as}_count" if family.type == "histogram" else family.shown_as)
        listed = itertools.product(*family.labels.values())
        expected = [dict(zip(family.labels, values, strict=True)) for values in listed]
        assert sorted(map(sorted, map(dict.items, shown))) == sorted(map(sorted, map(dict.items, expected))), family


def test_each_metric_has_a_unit_and_ends_its_help_with_it(page):
    for family in metrics.FAMILIES:
        assert family.unit in UNITS, family
        assert re.search(rf"# HELP {family.shown_as} .+ \({family.unit}\)\.\n", page), family


def test_what_is_ours_on_the_page_is_defined_here(page):
    shown = set(re.findall(r"# TYPE (notificacao_\w+) ", page))
    defined = {family.shown_as for family in metrics.FAMILIES}
    assert {name for name in shown - defined if not name.endswith("_created")} == set()


@pytest.mark.parametrize("edge", [0.1, 0.5])
def test_what_is_timed_has_edges_at_the_goals(edge):
    assert edge in SECONDS


def test_a_delivery_of_exactly_100_ms_counts_as_within_the_goal():
    def within():
        return scrape()("delivery_seconds_bucket", le="0.1", transport="ably", kind="unit")

    before = within()
    metrics.DELIVERY_SECONDS.labels("ably", "unit").observe(0.1)
    assert within() == before + 1


def test_the_document_is_what_the_definitions_make():
    from notificacao.metrics.document import text

    why = "run: .venv/bin/python -m notificacao.metrics > docs/metrics.md"
    assert (ROOT / "docs" / "metrics.md").read_text() == text(), why
