"""The guard's looks: what it does with what is proven, when it keeps still, and whom it tells."""

import asyncio

import numpy as np
import pytest
from prometheus_client import REGISTRY

from notificacao import eventlog, metrics, services
from notificacao.dispatcher import guard_round, guard_schedule, lease
from notificacao.dispatcher.guard_schedule import GuardSchedule
from notificacao.dispatcher.stamp import LeadLost
from notificacao.models import (
    BreakerState,
    CanaryProbe,
    Notification,
    Priority,
    Role,
    RolloutEvent,
    RolloutFlag,
    RolloutPlan,
)
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.guard.gates import FAILED, OVER_100_MS, UNAVAILABLE, Figures
from notificacao.rollout.guard.statistics import tally
from notificacao.rollout.plan import SystemActor, telling
from tests.conftest import make_person
from tests.rollout.guard.test_gates import arm

HEALTHY = Figures(arm() | {UNAVAILABLE.name: tally(np.zeros(300), np.full(300, 40))}, arm(), 0.5)
FAILING = HEALTHY._replace(ably=HEALTHY.ably | arm(failed=15))
WORSE = HEALTHY._replace(ably=HEALTHY.ably | arm(over_100_ms=60))


class World:
    """A plan in its second stage, which the leading dispatcher looks at."""

    def __init__(self, monkeypatch):
        for act in (rollout_plan.start, rollout_plan.advance):
            act(SystemActor.SHELL, version=rollout_plan.newest().version, reason="Piloto")
        RolloutPlan.objects.update(counted_to=0)
        CanaryProbe.objects.create(round_trip_ms=3)
        BreakerState.objects.update(state=BreakerState.State.CLOSED)
        self.term = lease.hold("guard", None)
        monkeypatch.setattr(guard_round, "count", lambda plan, flag: None)
        self._monkeypatch = monkeypatch

    def sees(self, figures, passed=60.0):
        """One look; state, stage, percent after it."""
        self._monkeypatch.setattr(guard_round, "figures", lambda plan, flag: figures)
        guard_round.look(RolloutPlan.objects.last(), self.term, passed)
        plan = RolloutPlan.objects.last()
        return plan.state, plan.position, float(RolloutFlag.objects.get().percent)

    def has_watched(self, hours):
        rollout_plan.newest().stages.filter(position=2).update(watched=hours * 3_600)


@pytest.fixture
def world(db, settings, monkeypatch):
    settings.ABLY_API_KEY = "app.key:secret"
    return World(monkeypatch)


def test_a_healthy_stage_is_watched_on_and_the_page_says_for_how_long(world):
    assert world.sees(HEALTHY) == ("running", 2, 25)
    stage = rollout_plan.overview()["stages"][1]
    assert (stage["watched_hours"], stage["sample"]) == (0.02, 2_500)
    assert {gate["name"]: gate["state"] for gate in stage["gates"]}[FAILED.name] == "met"
    assert "carência" in rollout_plan.overview()["sentence"]


def test_what_is_critical_brings_everybody_back_at_once_and_the_administrators_are_told(world):
    admin = make_person("rui", Role.ADMIN)
    assert world.sees(FAILING) == ("rolled_back", 0, 0)
    event = RolloutEvent.objects.first()
    assert (event.action, event.who, event.from_percent, event.to_percent) == ("roll_back", "guard", 25, 0)
    assert {gate["name"]: gate["value"] for gate in event.figures["gates"]}[FAILED.name] == 0.15
    alert = Notification.objects.get()
    assert admin.public_id in alert.channel
    assert (alert.title, alert.message) == ("Transição revertida automaticamente", event.reason)


def test_a_reason_longer_than_a_message_may_be_is_cut_and_not_kept_from_the_administrators(world):
    make_person("rui", Role.ADMIN)
    telling.tell("Transição revertida automaticamente", "x" * 900, Priority.URGENTE)
    assert Notification.objects.get().message == "x" * 500


def test_an_alert_that_fails_does_not_keep_everybody_on_ably(world, monkeypatch):
    make_person("rui", Role.ADMIN)
    monkeypatch.setattr(services, "notify_many", lambda *_, **__: 1 / 0)
    assert world.sees(FAILING) == ("rolled_back", 0, 0)


def test_worse_than_sse_is_a_stage_down(world):
    assert world.sees(WORSE) == ("running", 1, 5)
    assert OVER_100_MS.label in RolloutEvent.objects.first().reason


@pytest.mark.parametrize(("approval", "where"), [(True, ("awaiting_approval", 2, 25)), (False, ("running", 3, 75))])
def test_a_stage_that_is_through_goes_on_or_asks(world, settings, approval, where):
    settings.ROLLOUT_APPROVAL = approval
    world.has_watched(73)
    assert world.sees(HEALTHY) == where


@pytest.mark.parametrize(("approval", "where"), [(True, ("awaiting_approval", 2, 25)), (False, ("running", 3, 75))])
def test_what_the_plan_says_of_approval_counts_more_than_the_setting(world, settings, approval, where):
    settings.ROLLOUT_APPROVAL = not approval
    RolloutPlan.objects.update(approval=approval)
    world.has_watched(73)
    assert world.sees(HEALTHY) == where


def test_what_is_paused_has_no_clock_and_is_still_saved_from_harm(world):
    rollout_plan.pause(SystemActor.SHELL, version=2, reason="Feriado")
    world.has_watched(73)
    assert world.sees(HEALTHY) == ("paused", 2, 25)
    assert rollout_plan.newest().reason == "Feriado"
    assert rollout_plan.newest().stages.get(position=2).watched == 73 * 3_600
    assert world.sees(FAILING) == ("rolled_back", 0, 0)


def test_after_its_completion_a_plan_is_looked_at_told_of_once_and_left_to_people(world):
    make_person("rui", Role.ADMIN)
    RolloutPlan.objects.update(state="completed", position=4)
    RolloutFlag.objects.update(percent=100)
    assert world.sees(HEALTHY) == ("completed", 4, 100)
    assert not Notification.objects.exists()
    for _ in range(3):
        assert world.sees(FAILING) == ("completed", 4, 100)
    assert Notification.objects.get().title == "Ably fora da meta depois da transição"
    assert "falhas 15%" in RolloutPlan.objects.last().reason
    world.sees(HEALTHY)
    world.sees(FAILING)
    assert Notification.objects.count() == 2


def test_a_rehearsal_only_says_what_it_would_do(world, settings):
    settings.ROLLOUT_DRY_RUN = True
    assert world.sees(FAILING) == ("running", 2, 25)
    assert rollout_plan.newest().reason.startswith("Ensaio (reverter tudo): Limite crítico")
    assert Notification.objects.count() == 0


@pytest.mark.parametrize("blindness", ["breaker", "canary", "counting"])
def test_what_cannot_be_measured_holds(world, blindness):
    world.has_watched(73)
    match blindness:
        case "breaker":
            BreakerState.objects.update(state=BreakerState.State.OPEN)
        case "canary":
            CanaryProbe.objects.update(at=eventlog.now() - 2 * guard_round.PROBES_COME_EVERY)
        case "counting":
            RolloutPlan.objects.update(counted_to=None)
    assert world.sees(HEALTHY) == ("running", 2, 25)
    assert "Não é possível medir" in rollout_plan.newest().reason


def test_who_acted_meanwhile_is_not_overruled(world, monkeypatch):
    plan = RolloutPlan.objects.last()
    rollout_plan.step_down(SystemActor.SHELL, version=plan.version, reason="Melhor assim")
    monkeypatch.setattr(guard_round, "figures", lambda plan, flag: FAILING)
    guard_round.look(plan, world.term, 60.0)
    assert rollout_plan.newest().state == "running"


def test_who_leads_no_more_writes_nothing(world):
    world.term += 1
    with pytest.raises(LeadLost):
        world.sees(FAILING)
    assert rollout_plan.newest().state == "running"


def test_only_who_leads_looks_and_the_first_look_counts_no_time(monkeypatch):
    looks, now, term = [], [100.0], [None]
    monkeypatch.setattr(guard_schedule, "_look", lambda *seen: looks.append(seen))
    turn = GuardSchedule(lambda: term[0], lambda: now[0])

    async def story():
        await turn.look()
        for moment in (160.0, 220.0):
            term[0], now[0] = 7, moment
            await turn.look()

    asyncio.run(story())
    turn.close()
    assert looks == [(7, 0.0), (7, 60.0)]


async def test_a_watch_is_a_pause_and_then_one_look(monkeypatch):
    looks, asked = [], []
    monkeypatch.setattr(guard_schedule, "_look", lambda *seen: looks.append(seen))
    turn = GuardSchedule(lambda: asked.append(7) or 7)
    watching = asyncio.create_task(turn.watch())
    await asyncio.sleep(0)
    assert asked == []
    watching.cancel()
    monkeypatch.setattr(guard_schedule, "LOOK_EVERY", 0.0)
    await turn.watch()
    assert (asked, looks) == ([7], [(7, 0.0)])
    turn.close()


def test_a_plan_that_is_under_way_is_looked_at_in_the_leaders_term(world, monkeypatch):
    looks = []
    monkeypatch.setattr(guard_round, "look", lambda *seen: looks.append(seen))
    guard_schedule._look(7, 60.0)
    assert looks == [(rollout_plan.newest(), 7, 60.0)]


@pytest.fixture
def looked_at(db, monkeypatch):
    """The percent in the metrics after one look that finds no plan to look at."""
    monkeypatch.setattr(guard_round, "look", lambda *seen: 1 / 0)
    metrics.ROLLOUT_PERCENT.set(25)

    def percent():
        guard_schedule._look(7, 60.0)
        return REGISTRY.get_sample_value("notificacao_rollout_percent")

    return percent


def test_where_there_never_was_a_plan_nobody_is_in_the_figures(looked_at):
    assert looked_at() == 0


def test_a_plan_that_is_over_is_looked_at_no_more_and_nobody_is_in_the_figures(world, looked_at):
    RolloutPlan.objects.update(state=RolloutPlan.State.ROLLED_BACK)
    assert looked_at() == 0
