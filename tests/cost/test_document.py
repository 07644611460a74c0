"""docs/custo.md: its figures follow from its formula, and the formula from the prices."""

import re
from datetime import date
from decimal import Decimal

import pytest

from notificacao.cost.prices import budget, prices_on
from tests.live.ably_server import ROOT

TEXT = (ROOT / "docs" / "custo.md").read_text()
MINUTES = 8 * 60 * 22
ROWS = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \|$", TEXT, re.MULTILINE)


def cost(servers: int, people: int, listeners: float, notifications: int = 20) -> float:
    """The month of so many people, by the prices."""
    prices = prices_on(date(2026, 11, 29))
    probes, month = 2 * 86_400 // 15 * 30, 30 * 1_440
    channels = people + 47
    messages = notifications * 22 * people * (0.7 * 2 + 0.3 * (1 + listeners))
    used = Decimal(people * MINUTES + month) * prices.connection_minutes
    used += Decimal(channels * MINUTES + month) * prices.channel_minutes
    used += Decimal(messages + probes) * prices.messages
    return servers + float(prices.base + used / 1_000_000)


@pytest.mark.parametrize("row", ROWS, ids="/".join)
def test_from_so_many_people_on_the_goal_is_missed(row):
    servers, same, growing = map(int, row)
    for people, listeners in ((same, lambda n: 20), (growing, lambda n: n / 25)):
        assert cost(servers, people - 1, listeners(people - 1)) <= budget()
        assert cost(servers, people, listeners(people)) > budget()


def test_the_examples():
    assert len(ROWS) == 5
    assert cost(0, 500, 20) == pytest.approx(45.24, abs=0.01)
    assert "S* + US$ 45,24" in TEXT
    assert 159 < cost(114, 500, 20) <= 160 < cost(115, 500, 20)
    assert cost(0, 500, 20, 200) == pytest.approx(83.4, abs=0.1)
    assert 159 < cost(76, 500, 20, 200) <= 160
