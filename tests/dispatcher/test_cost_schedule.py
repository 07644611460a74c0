"""The cost's rounds: one leader meters, none who lost the lead, and only a leader tells figures."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from notificacao.dispatcher import cost_schedule, lease
from notificacao.dispatcher.cost_schedule import EVERY, CostSchedule
from notificacao.dispatcher.stamp import LeadLost
from notificacao.metrics.families import clear_the_leaders
from notificacao.models import CostGovernor, CostMeter, DispatcherLease

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def told(what):
    return REGISTRY.get_sample_value("notificacao_ably_cost_usd", {"what": what})


def level(mode):
    return REGISTRY.get_sample_value("notificacao_cost_governor_level", {"mode": mode})


def seconds():
    return sum(CostMeter.objects.filter(kind="metered").values_list("amount", flat=True))


def set_sample_back(**ago):
    row = CostGovernor.objects.get()
    CostGovernor.objects.update(sampled_at=row.sampled_at - timedelta(**ago))


class Leading:
    """A dispatcher that believes that it leads in `term`, by a clock of its own."""

    def __init__(self, database, term):
        self.term, self.time = term, 0.0
        self.cost = CostSchedule(database, lambda: self.term, lambda: self.time)

    async def looks(self):
        self.time += EVERY
        await self.cost.look()


@pytest.fixture
async def leader(database, settings):
    settings.MONTHLY_COSTS_USD = {}
    one = Leading(database, await database.run(lease.hold, "one", None))
    yield one
    clear_the_leaders()


async def test_a_leader_meters_and_tells_the_months_figures(leader, database):
    await leader.looks()
    await database.run(set_sample_back_a_minute)
    await leader.looks()
    assert 60 <= await database.run(seconds) < 600
    assert (told("month"), told("forecast"), told("budget")) == (0, 0, 160)
    assert level("dry_run") == 0


def set_sample_back_a_minute():
    set_sample_back(seconds=60)


async def test_between_two_rounds_it_rests(leader, database):
    await leader.looks()
    await database.run(set_sample_back_a_minute)
    leader.time += EVERY - 1
    await leader.cost.look()
    assert await database.run(seconds) == 0


async def test_two_leaders_meter_one_time_once_and_the_older_term_nothing(leader, database):
    await leader.looks()
    await database.run(set_sample_back_a_minute)
    await database.run(lease.release, "one")
    newer = Leading(database, await database.run(lease.hold, "two", None))
    with pytest.raises(LeadLost):
        await leader.looks()
    assert await database.run(seconds) == 0
    await newer.looks()
    after = await database.run(seconds)
    assert 60 <= after < 600
    with pytest.raises(LeadLost):
        await leader.looks()
    assert await database.run(seconds) == after


async def test_a_leader_that_loses_the_lead_after_metering_does_not_govern(leader, database, monkeypatch):
    governed = []
    monkeypatch.setattr(cost_schedule.cost, "govern", governed.append)
    advise = cost_schedule.cost.advise

    def another_takes_over():
        DispatcherLease.objects.update(term=99)
        return advise()

    monkeypatch.setattr(cost_schedule.cost, "advise", another_takes_over)
    with pytest.raises(LeadLost):
        await leader.looks()
    assert governed == []


async def test_after_a_restart_the_new_leader_goes_on_where_the_last_sample_ended(leader, database):
    await leader.looks()
    await database.run(set_sample_back_a_minute)
    restarted = Leading(database, leader.term)
    await restarted.looks()
    assert 60 <= await database.run(seconds) < 600
