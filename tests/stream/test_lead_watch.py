"""The web processes see that nobody leads, and one of them says so."""

import pytest
from django.db import OperationalError
from django.db.models.functions import Now

from notificacao.database import DatabaseThread
from notificacao.dispatcher import lease
from notificacao.models import Alert, DispatcherLease, Notification, Role
from notificacao.stream.lead_watch import LeadWatch
from tests.conftest import make_person

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
async def database(transactional_db):
    thread = DatabaseThread("test")
    await thread.run(make_person, "dora", Role.ADMIN)
    yield thread
    thread.close()


class Web:
    def __init__(self, database):
        self.now = 0.0
        self.watch = LeadWatch(database, lambda: self.now)

    async def after(self, seconds: float) -> None:
        self.now += seconds
        await self.watch.look()


@pytest.fixture
def web(database):
    return Web(database)


def run_out() -> None:
    DispatcherLease.objects.update(until=Now() - lease.LENGTH)


def opened() -> list[str]:
    return list(Alert.objects.values_list("name", flat=True))


@pytest.mark.parametrize("end", [run_out, lambda: lease.release("dead")])
async def test_after_thirty_seconds_without_a_lease_whether_it_ran_out_or_was_given_back(database, web, end):
    await database.run(lease.hold, "dead", None)
    await web.after(5)
    await database.run(end)
    for _ in range(6):
        await web.after(5)
    assert await database.run(opened) == []
    await web.after(5)
    assert await database.run(opened) == ["NobodyLeads"]


async def test_many_web_processes_tell_once(database, web):
    webs = [web, *(Web(database) for _ in range(3))]
    for seconds in (5, 30, 5):
        for one in webs:
            await one.after(seconds)
    assert await database.run(opened) == ["NobodyLeads"]
    assert await database.run(Notification.objects.count) == 1


async def test_a_leader_in_between_begins_the_time_anew(database, web):
    await web.after(5)
    term = await database.run(lease.hold, "back", None)
    await web.after(20)
    assert term
    await database.run(run_out)
    await web.after(20)
    assert await database.run(opened) == []


async def test_a_database_that_was_away_is_no_lead_that_was_lost(database, web, monkeypatch):
    await web.after(5)
    asked = DispatcherLease.is_held

    def away():
        raise OperationalError

    monkeypatch.setattr(DispatcherLease, "is_held", away)
    with pytest.raises(OperationalError):
        await web.after(20)
    monkeypatch.setattr(DispatcherLease, "is_held", asked)
    await web.after(20)
    assert await database.run(opened) == []
