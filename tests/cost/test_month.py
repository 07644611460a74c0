"""The month so far, and what will have become of it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from notificacao import cost
from notificacao.cost import meters
from notificacao.models import CostGovernor, CostMeter, RolloutFlag
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import SystemActor
from tests.cost.simulated_month import SERVERS, SimulatedMonth, at

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
Kind = CostMeter.Kind
DAY = 86_400


@pytest.fixture(autouse=True)
def ably(settings):
    settings.ABLY_API_KEY = "app.key:secret"
    settings.MONTHLY_COSTS_USD = {"servidor": SERVERS}


def ramp(number: int) -> int:
    return 5 if number <= 3 else 25 if number <= 6 else 100


def whole_day(day: date, *, people: int = 100, messages: int = 1_000_000) -> None:
    used = {(Kind.METERED, ""): DAY, (Kind.ASSIGNED, ""): people * DAY, (Kind.DELIVERED, "normal"): messages}
    meters._add(day, used)


def test_a_month_in_which_nothing_was_metered_costs_what_it_costs_anyway():
    month = cost.month(at(10, 12))
    assert (month.spent, month.forecast.expected, month.observed) == (89, 89, 0)
    assert (month.budget, month.ahead) == (160, False)


def test_without_a_key_of_ably_its_base_is_not_paid(settings):
    settings.ABLY_API_KEY = ""
    assert cost.month(at(10, 12)).spent == SERVERS


def test_what_was_metered_is_priced():
    used = {
        (Kind.PUBLISHED, "alta"): 1_000_000,
        (Kind.DELIVERED, "baixa"): 3_000_000,
        (Kind.MOVED, "baixa"): 9_000_000,
        (Kind.CONNECTED, ""): 60 * 2_000_000,
        (Kind.CHANNELS, ""): 60 * 4_000_000,
        (Kind.PROBES, ""): 1_000_000,
        (Kind.PROBING, ""): 60 * 1_000_000,
    }
    meters._add(date(2026, 11, 3), used)
    costs = cost.month(at(10, 12)).days[date(2026, 11, 3)]
    assert (costs.messages, costs.connections, costs.channels, costs.probes) == (10, 2, 4, Decimal("4.5"))
    assert cost.month(at(10, 12)).spent == 89 + Decimal("20.5")


def test_each_day_has_the_prices_of_its_day(settings):
    dearer = settings.ABLY_PRICES[0] | {"since": date(2026, 11, 5), "messages": Decimal(5)}
    settings.ABLY_PRICES = [*settings.ABLY_PRICES, dearer]
    for day in (4, 5):
        whole_day(date(2026, 11, day))
    days = cost.month(at(10, 12)).days
    assert [days[date(2026, 11, day)].total for day in (4, 5)] == [Decimal("2.5"), 5]


def test_working_days_and_weekends_are_foretold_apart():
    CostGovernor.objects.create(pk=1, assigned=100)
    for day in range(1, 10):
        weekend = date(2026, 11, day).weekday() >= 5
        whole_day(date(2026, 11, day), messages=100_000 if weekend else 1_000_000)
    month = cost.month(at(10, 0))
    working, weekends = 15, 6  # of the 10th to the 30th
    so_far = 3 * Decimal("0.25") + 6 * Decimal("2.5")
    assert month.forecast.expected == 89 + so_far + working * Decimal("2.5") + weekends * Decimal("0.25")
    assert month.forecast.low == month.forecast.expected == month.forecast.high, "no day differed"


def test_a_day_that_was_metered_in_part_tells_nothing_of_a_usual_day():
    CostGovernor.objects.create(pk=1, assigned=100)
    whole_day(date(2026, 11, 3))
    meters._add(date(2026, 11, 4), {(Kind.METERED, ""): DAY // 2, (Kind.ASSIGNED, ""): 50 * DAY})
    assert cost.month(at(10, 12)).observed == 1


def test_the_month_before_tells_of_usual_days_too_and_costs_this_one_nothing():
    CostGovernor.objects.create(pk=1, assigned=100)
    whole_day(date(2026, 10, 30))
    month = cost.month(at(1, 12))
    assert (month.spent, month.observed) == (89, 1)
    assert month.forecast.expected > 89 + 21 * Decimal("2.4")


def test_twice_as_many_people_are_twice_the_cost():
    whole_day(date(2026, 11, 9))
    CostGovernor.objects.create(pk=1, assigned=100)
    usual = cost.month(at(11, 0)).forecast.expected
    CostGovernor.objects.update(assigned=200)
    spent = cost.month(at(11, 0)).spent
    assert cost.month(at(11, 0)).forecast.expected - spent == 2 * (usual - spent)


def test_the_band_reaches_as_far_as_the_plan_that_is_under_way():
    rollout_plan.start(SystemActor.SHELL, version=rollout_plan.newest().version, reason="Piloto")
    percent = int(RolloutFlag.objects.get().percent)
    whole_day(date(2026, 11, 9), people=percent)
    CostGovernor.objects.create(pk=1, assigned=percent)
    month = cost.month(at(30, 0))
    assert month.forecast.high - month.spent < 5
    month = cost.month(at(20, 0))
    assert month.forecast.high > month.spent + 5 * (month.forecast.expected - month.spent)


@pytest.mark.parametrize("seed", range(5))
def test_a_simulated_month_is_foretold_within_five_percent_on_its_tenth_day(seed):
    month = SimulatedMonth(600_000, ramp, seed)
    month.lives(1, 10)
    foretold = cost.month(at(10, 23)).forecast
    month.lives(11, 30)
    assert abs(foretold.expected - month.bill) < month.bill / 20
    assert abs(foretold.expected - month.bill) < (month.bill - 89) / 8, "of what is not paid anyway, too"
    assert abs(cost.month(at(30, 23)).spent - month.bill) < Decimal("0.02")
    assert month.moved.total() == 0


@pytest.mark.endurance
def test_the_bill_is_mostly_within_the_band():
    within = 0
    for seed in range(5):
        CostMeter.objects.all().delete()
        month = SimulatedMonth(600_000, ramp, seed)
        month.lives(1, 10)
        band = cost.month(at(10, 23)).forecast
        month.lives(11, 30)
        within += band.low <= month.bill <= band.high
    assert within >= 4


def test_the_meters_are_kept_for_thirteen_months():
    today = timezone.localdate()
    for age in (399, 402):
        whole_day(today - timedelta(days=age))
    cost.forget_the_old()
    assert CostMeter.objects.values("day").distinct().count() == 1
