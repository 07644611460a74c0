"""A hub passes over rows that nobody here may have, and never over anybody's."""

import pytest
from django.db import transaction

from notificacao import audiences, doorbells, eventlog, stamped, wakes
from notificacao.eventlog import Cursor
from notificacao.models import Membership, Role
from notificacao.stamped import Stamped
from tests.asgi import in_database
from tests.stamping import number_changes
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


class Looks:
    """How often a hub asked the log: for wakes alone, since no poll comes within the test."""

    def __init__(self, hub):
        self.begun = self.ended = 0
        self._look, hub._look = hub._look, self

    async def __call__(self, **given):
        self.begun += 1
        await self._look(**given)
        self.ended += 1


@pytest.fixture
def looks(site, settings, monkeypatch):
    settings.DISPATCH_POLL = 600
    monkeypatch.setattr("notificacao.stream.hub.KNOWN_FOR", 0)  # else a look for the rollout alone follows
    return Looks(site.hub)


@pytest.fixture
async def stream(site, norte, sul, ana, caio, looks):  # noqa: PLR0917 – all that changes anybody's access comes before
    """Ana's, who hears of `norte`, and not of `sul` as Caio does; the hub has answered all that rang until now."""
    await in_database(number_changes)
    opened = await site.open(ana)
    (doorbell,) = doorbells._doorbells[wakes.HUBS]
    number = looks.begun
    wakes.wake(wakes.HUBS)

    def is_at_rest():
        waits = doorbell.rings or doorbell._told or site.hub._owes_rollout
        return number < looks.begun == looks.ended and not waits

    await eventually(is_at_rest)
    looks.begun = 0
    return opened


async def passed_over(site, looks):
    """The hub is at the log's end, and has not asked it."""
    head = await in_database(eventlog.position)
    await eventually(lambda: site.hub.position == head)
    assert looks.begun == 0


async def test_rows_of_nobody_here_cost_no_look_and_the_next_of_somebody_comes(site, stream, norte, sul, looks):
    await site.publish("De outros", "De outros", to=sul)
    await passed_over(site, looks)
    await site.publish("Nova", to=norte)
    await stream.next("notification")
    assert looks.begun == 1
    assert stream.titles == ["Nova"]


@pytest.mark.usefixtures("stream")
async def test_who_comes_later_gets_from_the_log_what_was_passed_over(site, caio, sul, looks):
    before = site.hub.position
    await site.publish("Passou", to=sul)
    await passed_over(site, looks)
    late = await site.open(caio, cursor=str(before))
    assert late.titles == ["Passou"]


async def test_who_gains_a_channel_is_told_of_the_row_that_was_passed_over(site, stream, ana, cras_sul, looks):
    """Their membership began before the row was stamped, in a transaction that was committed after it."""
    sul = audiences.channel_for_unit(cras_sul)
    (row,) = await site.publish("Passou", to=sul)
    await passed_over(site, looks)

    @transaction.atomic
    def join():
        made = Membership.objects.create(person=ana, role=Role.TECNICO, unit=cras_sul)
        Membership.objects.filter(pk=made.pk).update(since=row.seq - 1)

    await in_database(join)
    while (await stream.next("heads")).data["channels"].get(sul) != row.seq:
        pass
    assert stream.titles == []  # the page fetches what it lacks


@pytest.mark.parametrize("told", [b"x" * 200, b"gAAAAAB" + b"A" * 93])
async def test_what_is_forged_has_the_hub_ask_the_log(site, stream, norte, told, monkeypatch):
    monkeypatch.setattr(stamped, "seal", lambda *_: told)
    await site.publish("Nova", to=norte)
    await stream.next("notification")
    assert stream.titles == ["Nova"]


async def test_one_that_is_lost_late_or_doubled_takes_no_row_from_anybody(site, stream, norte, sul, monkeypatch):
    told = []
    with monkeypatch.context() as lost:
        lost.setattr(wakes, "wake", lambda topic, sealed=b"": told.append(sealed))
        await site.publish("Perdida", to=norte)
    await site.publish("De outros", to=sul)  # the place where it begins is not the hub's
    await stream.next("notification")
    assert stream.titles == ["Perdida"]
    of_another_epoch = stamped.seal(Stamped(Cursor("0", site.hub.position.seq), [sul]), 0)
    for late in (*told, *told, of_another_epoch):
        wakes.wake(wakes.HUBS, late)
    await site.publish("Nova", to=norte)
    await stream.next("notification")
    assert stream.titles == ["Perdida", "Nova"]
    assert site.hub.position == await in_database(eventlog.position)


@pytest.mark.usefixtures("stream")
async def test_with_the_setting_off_each_wake_is_a_look(site, sul, looks, settings):
    settings.WAKE_CHANNELS = False
    await site.publish("De outros", to=sul)
    await eventually(lambda: site.hub.position.seq == 1)
    assert looks.begun == 1


@pytest.mark.usefixtures("stream")
async def test_rows_that_were_stamped_after_a_change_that_the_hub_does_not_know_are_looked_at(site, sul, looks):
    """Whoever lost access before is to be known with the row: else a stream that joins just then would replay it."""
    position, unknown = site.hub.position, site.hub._last_change + 1
    wakes.wake(wakes.HUBS, stamped.seal(Stamped(position, [sul]), unknown))
    await eventually(lambda: looks.begun == 1)
    wakes.wake(wakes.HUBS, stamped.seal(Stamped(position, [sul]), unknown - 1))
    await eventually(lambda: site.hub.position.seq == position.seq + 1)
    assert looks.begun == 1


async def test_while_rows_are_withheld_from_somebody_each_may_be_theirs(site, stream, sul, looks):
    (subscriber,) = site.hub.registry.subscribers.values()
    site.hub.registry.withhold(subscriber, site.hub.position.seq)
    await site.publish("De outros", to=sul)
    await eventually(lambda: site.hub.position.seq == 1)
    assert looks.begun == 1
    await site.hub.access._withheld.release(subscriber, lambda: True)
    assert site.hub.registry.withheld == 0
    await site.publish("De outros", to=sul)
    await eventually(lambda: site.hub.position.seq == 2)
    assert looks.begun == 1
    site.hub.registry.withhold(subscriber, site.hub.position.seq)
    await stream.close()
    await eventually(lambda: not site.hub.registry.subscribers)
    assert site.hub.registry.withheld == 0


async def test_who_loses_access_while_the_log_is_read_for_them_gets_nothing_more(site, stream, norte):
    """The rows are read since the hub passed over one of them; meanwhile a look tells of the loss."""
    (subscriber,) = site.hub.registry.subscribers.values()
    hub = site.hub
    hub.registry.withhold(subscriber, hub.position.seq)
    hub.replay_cache.pass_over(hub.position, [norte])
    hub.position = Cursor(hub.position.epoch, hub.position.seq + 1)
    await hub.access._withheld.release(subscriber, lambda: False)
    assert subscriber.withheld
    assert hub.registry.subscribers_of(norte) == ()
    assert stream.titles == []
