"""The rules: what each alert is found by, and what is none."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from notificacao.dispatcher import findings
from notificacao.models import BreakerState, CanaryProbe, Notification, ProducerKey, RolloutPlan
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.plan import SystemActor
from tests.producers import make_key, make_producer
from tests.rows import write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def with_ably(settings):
    settings.ABLY_API_KEY = "app.key:secret"
    settings.CANARY_MISSES = 3


def ago(**past):
    return timezone.now() - timedelta(**past)


def found(rule, *asked) -> list[tuple[str, str]]:
    return [(one.name, one.about) for one in rule(*asked)]


@pytest.mark.parametrize(
    ("state", "forced", "is_found"),
    [("closed", "", 0), ("open", "", 1), ("half_open", "", 1), ("open", "closed", 0), ("closed", "open", 1)],
)
def test_a_breaker_that_is_not_closed_in_force(state, forced, is_found):
    BreakerState.objects.update_or_create(pk="ably", defaults={"state": state, "forced": forced, "reason": "503"})
    assert len(list(findings.breaker())) == is_found


def test_without_ably_neither_breaker_nor_canary(settings):
    settings.ABLY_API_KEY = ""
    BreakerState.objects.update_or_create(pk="ably", defaults={"state": "open"})
    assert found(findings.breaker) == found(findings.canary) == []


def probes(*arrived: bool, at=None):
    for one in arrived:
        CanaryProbe.objects.create(round_trip_ms=4.0 if one else None, error="" if one else "sem volta")
    if at:
        CanaryProbe.objects.update(at=at)


@pytest.mark.parametrize(
    ("arrived", "is_found"),
    [([True, False, False], 0), ([True, False, False, False], 1), ([False, False, False, True], 0)],
)
def test_a_canary_that_missed_as_many_in_a_row_as_open_the_breaker(arrived, is_found):
    probes(*arrived)
    assert len(list(findings.canary())) == is_found


def test_a_canary_that_no_longer_sings_and_only_once_this_leader_waited_for_it():
    probes(True, at=ago(minutes=5))
    (one,) = findings.canary()
    assert one.after >= 45


def test_no_canary_where_it_is_not_to_be_heeded_or_staff_keep_ably_out_of_use(settings):
    probes(False, False, False)
    BreakerState.objects.update_or_create(pk="ably", defaults={"forced": "open"})
    assert found(findings.canary) == []
    BreakerState.objects.update(forced="")
    settings.CANARY_MISSES = 0
    assert found(findings.canary) == []


@pytest.mark.parametrize(("looked", "is_found"), [(4, 0), (6, 1)])
def test_a_guard_that_did_not_look_for_five_minutes_at_a_plan_that_is_under_way(looked, is_found):
    rollout_plan.start(SystemActor.SHELL, version=rollout_plan.newest().version, reason="Piloto")
    RolloutPlan.objects.update(looked_at=ago(minutes=looked), since=ago(days=2))
    assert len(list(findings.guard())) == is_found


def test_no_guard_without_a_plan_under_way():
    RolloutPlan.objects.update(looked_at=ago(days=2))
    assert found(findings.guard) == []


@pytest.mark.parametrize(("seconds", "is_found"), [(3, 0), (8, 1)])
def test_rows_that_wait_for_their_stamp_for_five_seconds(seconds, is_found):
    row = write("system:notifications")
    Notification.objects.filter(pk=row.pk).update(created_at=ago(seconds=seconds))
    assert len(list(findings.unstamped())) == is_found


def test_stamped_rows_do_not_wait():
    row = write("system:notifications")
    Notification.objects.filter(pk=row.pk).update(created_at=ago(hours=1), seq=1, prev_seq=0)
    assert found(findings.unstamped) == []


@pytest.mark.parametrize(("age", "is_found"), [(4.0, 0), (16.0, 1), (None, 1)])
def test_redis_where_wakes_are_to_cross(settings, age, is_found):
    assert found(findings.redis, age) == []
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer"}}
    assert len(list(findings.redis(age))) == is_found


def test_a_producers_last_key_that_ends_within_14_days_or_has_ended():
    make_key(make_producer("folha"), expiry_date=timezone.now() + timedelta(days=13))
    make_key(make_producer("rural"), expiry_date=timezone.now() + timedelta(days=15))
    make_key(make_producer("velho"), expiry_date=ago(days=1))
    assert found(findings.keys) == [("KeyEndsSoon", "folha"), ("KeyEndsSoon", "velho")]
    first, second = findings.keys()
    assert "“Folha” vale até" in first.detail
    assert "venceu em" in second.detail


def test_a_key_that_another_replaces_is_revoked_or_of_a_system_that_is_off_is_none():
    replaced = make_producer("trocada")
    for days in (7, 365):
        make_key(replaced, expiry_date=timezone.now() + timedelta(days=days))
    make_key(make_producer("desligado", is_active=False), expiry_date=timezone.now() + timedelta(days=3))
    make_key(make_producer("revogada"), expiry_date=timezone.now() + timedelta(days=3))
    ProducerKey.objects.filter(producer__slug="revogada").update(revoked=True)
    assert found(findings.keys) == []


def test_secrets_of_ours_whose_day_comes(settings):
    settings.ENCRYPTION_SECRET_ENDS = (timezone.now() + timedelta(days=10)).date()
    settings.SIGNING_KEYS_END = (timezone.now() + timedelta(days=20)).date()
    assert found(findings.keys) == [("KeyEndsSoon", "ENCRYPTION_SECRET")]
    settings.SIGNING_KEYS_END = ago(days=20).date()
    assert len(found(findings.keys)) == 2


@pytest.mark.parametrize(("forecast", "budget", "is_found"), [(101, 100, 1), (100, 100, 0), (5, None, 0), (5, 0, 0)])
def test_a_forecast_that_passes_the_budget(forecast, budget, is_found):
    month = SimpleNamespace(spent=40, forecast=SimpleNamespace(expected=forecast), budget=budget)
    assert len(list(findings.budget(month))) == is_found


def test_a_budget_of_which_nobody_knows():
    assert found(findings.budget, None) == []
