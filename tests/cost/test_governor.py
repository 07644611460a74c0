"""The governor: what it moves, when, what it never moves, and who may switch it."""

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied

from notificacao import cost
from notificacao.models import AuditEvent, CostGovernor
from tests.cost.simulated_month import SERVERS, SimulatedMonth, at
from tests.staff import make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
Level, Mode = CostGovernor.Level, CostGovernor.Mode
DEAR = 2_100_000  # messages a working day: about $210 a month


@pytest.fixture(autouse=True)
def ably(settings):
    settings.ABLY_API_KEY = "app.key:secret"
    settings.MONTHLY_COSTS_USD = {"servidor": SERVERS}


def everybody(number: int) -> int:
    return 100


def acts():
    return [
        (event.data["from_level"], event.data["to_level"], event.data["mode"]) for event in AuditEvent.objects.all()
    ]


@pytest.mark.parametrize("seed", range(3))
def test_a_dear_month_keeps_its_budget_and_nothing_of_high_priority_is_moved(seed):
    CostGovernor.objects.create(pk=1, mode=Mode.ON)
    month = SimulatedMonth(DEAR, everybody, seed)
    month.lives(1, 30)
    assert month.bill <= 160
    assert month.bill > 140, "it moves no more than it must"
    assert set(month.moved) == {"baixa", "normal"}
    shares = {name: month.moved[name] / (month.moved[name] + month.billed[name]) for name in ("baixa", "normal")}
    assert shares["baixa"] > shares["normal"], "low priority is the last to come back"
    changes = sum(a != b for a, b in zip(month.levels, month.levels[1:], strict=False))
    assert len(acts()) == changes + bool(month.levels[0])
    assert changes <= 12, "it does not swing"


@pytest.mark.endurance
def test_where_low_priority_is_enough_nothing_else_is_moved():
    CostGovernor.objects.create(pk=1, mode=Mode.ON)
    month = SimulatedMonth(1_450_000, everybody)
    month.lives(1, 30)
    assert month.bill <= 160
    assert set(month.moved) == {"baixa"}


@pytest.mark.endurance
def test_a_dry_run_says_what_it_would_do_and_moves_nothing():
    month = SimulatedMonth(DEAR, everybody)
    month.lives(1, 30)
    assert month.bill > 190
    assert month.moved.total() == 0
    assert max(month.levels) == Level.NORMAL
    assert {mode for *_, mode in acts()} == {"dry_run"}
    assert cost.by_sse() == frozenset()


def test_a_month_within_its_budget_is_left_alone():
    CostGovernor.objects.create(pk=1, mode=Mode.ON)
    month = SimulatedMonth(600_000, everybody)
    month.lives(1, 30)
    assert set(month.levels) == {0}
    assert acts() == []


def test_a_forecast_of_two_days_moves_nothing():
    CostGovernor.objects.create(pk=1, mode=Mode.ON)
    month = SimulatedMonth(DEAR, everybody)
    month.lives(1, 3)
    assert cost.month(at(3, 23)).ahead
    assert set(month.levels) == {0}


@pytest.mark.parametrize("level", Level)
def test_no_level_moves_what_is_high_or_urgent(level):
    assert not CostGovernor(mode=Mode.ON, level=level).by_sse & {"alta", "urgente"}


def test_switched_off_it_moves_nothing_at_once_and_sinks_at_its_next_look():
    CostGovernor.objects.create(pk=1, mode=Mode.ON, level=Level.NORMAL, changed_at=at(10, 12))
    assert cost.by_sse() == {"baixa", "normal"}
    dora = make_staff("dora", "govern_cost")
    cost.set_mode(Mode.OFF, dora, reason="Mutirão")
    assert cost.by_sse() == frozenset()
    cost.govern(cost.advise(at(10, 12)))
    assert CostGovernor.objects.get().level == Level.NONE
    switched = AuditEvent.objects.get(who=dora.public_id)
    assert (switched.action, switched.reason, switched.data) == (
        "cost_governed",
        "Mutirão",
        {"before": "on", "mode": "off"},
    )
    assert "Ligado → Desligado. Mutirão" in LogEntry.objects.get().change_message


def test_without_the_permission_nobody_switches_it(ana):
    with pytest.raises(PermissionDenied):
        cost.set_mode(Mode.ON, ana, reason="Economia")
    assert not CostGovernor.objects.exclude(mode=Mode.DRY_RUN).exists()


def test_advice_from_before_somebody_switched_it_is_not_followed():
    CostGovernor.objects.create(pk=1, mode=Mode.ON, level=Level.NORMAL)
    CostGovernor.objects.update(changed_at=at(1, 12))
    advice = cost.advise(at(10, 12))
    assert advice.level == Level.NONE
    cost.set_mode(Mode.DRY_RUN, make_staff("dora", "govern_cost"), reason="Esperem")
    cost.govern(advice)
    assert CostGovernor.objects.get().level == Level.NORMAL


def test_it_does_not_release_what_it_has_just_moved():
    CostGovernor.objects.create(pk=1, mode=Mode.ON, level=Level.LOW, changed_at=at(10, 12))
    assert cost.advise(at(10, 17)).level == Level.LOW
    assert cost.advise(at(10, 19)).level == Level.NONE
