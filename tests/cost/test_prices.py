"""Ably's prices: dated, with their source, or the start is refused by name."""

import json
from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured

from notificacao.cost.prices import budget, monthly, prices_on
from tests.settings_file import run_settings

ROW = {
    "since": "2027-01-01",
    "source": "ably.com/pricing",
    "base": "39",
    "connection_minutes": 1,
    "channel_minutes": "1.25",
    "messages": 2.75,
}


def loaded(monkeypatch, *rows, **environment):
    monkeypatch.setenv("ABLY_PRICES", json.dumps(rows))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return run_settings()


def test_by_default_they_are_those_of_the_analysis():
    prices = prices_on(date(2026, 11, 29))
    assert (prices.base, prices.connection_minutes, prices.channel_minutes, prices.messages) == (
        29,
        1,
        1,
        Decimal("2.5"),
    )
    assert "ably.com/pricing" in prices.source
    assert budget() == 160


def test_each_day_has_the_latest_row_that_had_begun(settings, monkeypatch):
    settings.ABLY_PRICES = loaded(monkeypatch, ROW | {"since": "2027-06-01", "base": "49"}, ROW)["ABLY_PRICES"]
    bases = [prices_on(day).base for day in (date(2027, 5, 31), date(2027, 6, 1), date(2026, 1, 1))]
    assert bases == [39, 49, 39]
    assert prices_on(date(2027, 5, 31)).messages == Decimal("2.75")


@pytest.mark.parametrize(
    "wrong",
    [
        {"since": "amanhã"},
        {"source": ""},
        {"base": "-1"},
        {"base": "NaN"},
        {"messages": "dois"},
        {"messages": None},
        {"messages": "1e9"},
        {"more": "1"},
    ],
)
def test_a_wrong_row_stops_the_start_by_name(monkeypatch, wrong):
    with pytest.raises(ImproperlyConfigured, match="ABLY_PRICES"):
        loaded(monkeypatch, ROW | wrong)


@pytest.mark.parametrize("rows", [[], [ROW, ROW], [1], [{}]])
def test_a_table_that_says_nothing_or_two_things_stops_the_start(monkeypatch, rows):
    with pytest.raises(ImproperlyConfigured, match="ABLY_PRICES"):
        loaded(monkeypatch, *rows)


def test_fixed_costs_have_names_and_amounts(settings, monkeypatch):
    given = loaded(monkeypatch, ROW, MONTHLY_COSTS_USD="servidor=80, banco de dados=25.50")
    settings.MONTHLY_COSTS_USD = given["MONTHLY_COSTS_USD"]
    settings.ABLY_API_KEY = "app.key:secret"
    assert monthly(date(2026, 11, 29)) == {
        "Ably, assinatura": 29,
        "servidor": 80,
        "banco de dados": Decimal("25.50"),
    }
