"""The watch of the leading dispatcher: what stands long enough is told, once, whoever leads and however often."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.db.models import F
from prometheus_client import REGISTRY

from notificacao import alerts
from notificacao.dispatcher import findings
from notificacao.dispatcher.alert_watch import SLOW_EVERY, AlertWatch
from notificacao.models import Alert, BreakerState, Notification, Role
from tests.conftest import make_person

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def with_ably(settings):
    settings.ABLY_API_KEY = "app.key:secret"
    settings.CANARY_MISSES = 0


def breaker(state: str) -> None:
    BreakerState.objects.update_or_create(pk="ably", defaults={"state": state, "reason": "503"})


def people() -> None:
    make_person("dora", Role.ADMIN)


def told() -> list[str]:
    return [
        data["event"].rpartition("_")[2] for data in Notification.objects.order_by("pk").values_list("data", flat=True)
    ]


def unseen_for(**past) -> None:
    Alert.objects.update(seen_at=F("seen_at") - timedelta(**past))


def gauge(name: str):
    return REGISTRY.get_sample_value("notificacao_open_alerts", {"name": name})


def month(forecast: int) -> SimpleNamespace:
    return SimpleNamespace(spent=1, forecast=SimpleNamespace(expected=forecast), budget=2)


class Leader:
    """A watch with a clock of its own; `month` is what it is told of costs."""

    def __init__(self, database):
        self.now, self.leads, self.month = 0.0, True, None
        self.watch = AlertWatch(database, lambda: self.leads, lambda: self.month, lambda: self.now)

    async def after(self, seconds: float) -> None:
        self.now += seconds
        await self.watch.look()


@pytest.fixture
async def leader(database):
    await database.run(people)
    await database.run(breaker, "closed")
    return Leader(database)


async def test_an_open_breaker_is_told_within_seconds_once_and_again_when_it_was_closed_for_a_minute(database, leader):
    await database.run(breaker, "open")
    await leader.after(2)
    assert await database.run(told) == []
    for _ in range(5):
        await leader.after(2)
    assert await database.run(told) == ["aberto"]
    assert gauge("BreakerOpen") == 1
    await database.run(breaker, "closed")
    await leader.after(2)
    assert await database.run(told) == ["aberto"]
    await database.run(lambda: unseen_for(minutes=2))
    await leader.after(2)
    await leader.after(2)
    assert await database.run(told) == ["aberto", "encerrado"]
    assert gauge("BreakerOpen") == 0


async def test_a_breaker_that_is_open_for_the_moment_of_a_new_lead_is_not_told(database, leader):
    await database.run(breaker, "open")
    await leader.after(2)
    await database.run(breaker, "closed")
    await leader.after(2)
    await database.run(breaker, "open")
    await leader.after(2)
    assert await database.run(told) == []


async def test_a_restart_in_between_tells_nobody_again_and_closes_nothing_that_holds(database, leader):
    await database.run(breaker, "open")
    await leader.after(2)
    await leader.after(4)
    await database.run(lambda: unseen_for(hours=1))
    restarted = Leader(database)
    await restarted.after(0)
    await restarted.after(9)
    assert await database.run(told) == ["aberto"]


async def test_two_that_both_believe_to_lead_tell_once(database, leader):
    other = Leader(database)
    await database.run(breaker, "open")
    for seconds in (2, 4, 4):
        await leader.after(seconds)
        await other.after(seconds)
    assert await database.run(told) == ["aberto"]


async def test_who_does_not_lead_looks_at_nothing(database, leader):
    await database.run(breaker, "open")
    await leader.after(2)
    await leader.after(4)
    leader.leads = False
    await database.run(lambda: unseen_for(hours=1))
    await leader.after(9)
    assert await database.run(told) == ["aberto"]


async def test_a_rule_that_fails_closes_nothing_of_its_own_and_stops_no_other(database, leader, monkeypatch):
    leader.month = month(3)
    await leader.after(0)
    leader.month = SimpleNamespace(spent=1)  # a fault of the costs
    await database.run(breaker, "open")
    await database.run(lambda: unseen_for(hours=3))
    await leader.after(SLOW_EVERY)
    await leader.after(SLOW_EVERY)
    assert await database.run(lambda: sorted(alerts.open_alerts().values_list("name", flat=True))) == [
        "BreakerOpen",
        "BudgetAhead",
    ]


async def test_a_database_that_fails_closes_nothing(database, leader, monkeypatch):
    await database.run(breaker, "open")
    await leader.after(2)
    await leader.after(4)
    await database.run(lambda: unseen_for(hours=1))

    def away():
        raise OperationalError

    monkeypatch.setattr(findings, "breaker", away)
    with pytest.raises(OperationalError):
        await leader.after(2)
    assert await database.run(told) == ["aberto"]


async def test_what_changes_by_the_day_is_looked_at_once_a_minute(database, leader):
    await leader.after(0)
    leader.month = month(3)
    await leader.after(SLOW_EVERY - 1)
    assert await database.run(told) == []
    await leader.after(1)
    assert await database.run(told) == ["aberto"]
    leader.month = month(1)
    await database.run(lambda: unseen_for(minutes=59))
    await leader.after(SLOW_EVERY)
    assert await database.run(told) == ["aberto"]
    await database.run(lambda: unseen_for(minutes=5))
    await leader.after(SLOW_EVERY)
    assert await database.run(told) == ["aberto", "encerrado"]
