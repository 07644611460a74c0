"""Another life of the log begins while streams are open: a restore, a renewal, a trim."""

from datetime import timedelta

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from notificacao import audiences, epoch, retention, wakes
from notificacao.models import DispatchState, LogHead, Membership, Notification
from notificacao.stream import access_refresh, authorisation, hub
from notificacao.stream.asgi_stream import AsgiStream
from notificacao.stream.subscribers import Lane
from tests.asgi import in_database, set_rollout
from tests.lives import set_back
from tests.touched import forget_changes
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def long_ago(ana, bia):
    """Nothing about anybody changed of late, so that nothing else makes the hub ask again."""
    forget_changes()


@transaction.atomic
def restore(seq, *, renewed):
    """The database as it was at `seq`, in one go. No signal tells of it, and no wake but a renewal's."""
    set_back(seq)
    if renewed:
        epoch.renew("a restore")


@pytest.mark.parametrize("renewed", [True, False])
async def test_after_a_restore_each_stream_is_told_resync_and_then_what_came_after_once(
    site, ana, caio, norte, renewed
):
    """The same seqs are given again, to other rows; without a renewal the hub sees that the head went back."""
    await site.publish("Guardada", to=norte)
    streams = [await site.open(ana), await site.open(ana)]
    outsider = await site.open(caio)
    await site.publish("Perdida", "Perdida também", to=norte)
    for stream in streams:
        await stream.next("notification")
        await stream.next("notification")
    await in_database(restore, 1, renewed=renewed)
    for stream in [*streams, outsider]:
        resync = await stream.next("resync")
        assert resync.id == resync.data["position"] == f"{site.hub.position.epoch}.1"
    (row, _) = await site.publish("Nova", "Mais nova", to=norte)
    assert row.seq == 2
    for stream in streams:
        await stream.next("notification")
        last = await stream.next("notification")
        assert stream.titles == ["Perdida", "Perdida também", "Nova", "Mais nova"]
        assert last.id == f"{site.hub.position.epoch}.3"
    assert outsider.titles == []


@pytest.mark.parametrize("by", ["cursor", "last_event_id"])
@pytest.mark.parametrize("new_rows", [1, 5])
async def test_who_returns_with_a_cursor_of_the_past_life_is_told_resync(site, ana, norte, by, new_rows):
    """Also where the new life has got beyond that cursor."""
    await site.publish("1", "2", "3", to=norte)
    past = str(site.hub.position)
    await in_database(restore, 1, renewed=True)
    await site.publish(*["Nova"] * new_rows, to=norte)
    stream = await site.open(ana, **{by: past})
    assert [event.name for event in stream.events if event.name in ("resync", "notification")] == ["resync"]
    await site.publish("Depois", to=norte)
    await stream.next("notification")
    assert stream.titles == ["Depois"]


async def test_the_standby_lane_is_told_too_and_hears_no_head_of_the_past(site, ana, norte, monkeypatch):
    await in_database(set_rollout, everyone=True, breaker="closed")
    stream = await site.open(ana, lane="standby")
    monkeypatch.setattr(hub, "TICK", 0.5)
    await site.publish("Perdida", "Perdida também", to=norte)
    await in_database(restore, 0, renewed=True)
    await stream.next("resync")
    await site.publish("Nova", to=audiences.SYSTEM_CHANNEL, dispatch_state=DispatchState.FAILED)
    await stream.next("notification")
    assert stream.titles == ["Nova"]
    heads = await stream.next("heads")
    assert heads.data["channels"] == {audiences.SYSTEM_CHANNEL: 1}


@pytest.mark.usefixtures("long_ago")
async def test_who_is_no_member_in_the_restored_database_hears_nothing_of_it(site, ana, bia, norte):
    stream, other = await site.open(ana), await site.open(bia)

    def restore_without_ana():
        Membership.objects.filter(person=ana)._raw_delete("default")
        restore(0, renewed=True)

    await in_database(restore_without_ana)
    for each in (stream, other):
        await each.next("resync")
    await site.publish("Da unidade", to=norte)
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    for each in (stream, other):
        while (await each.next("notification")).data["title"] != "Fim":
            pass
    assert (stream.titles, other.titles) == (["Fim"], ["Da unidade", "Fim"])


@pytest.mark.usefixtures("long_ago")
async def test_nothing_is_sent_before_it_is_known_who_may_hear_it(site, ana, norte, monkeypatch):
    """Asking fails at first: the database is just coming back."""
    stream = await site.open(ana)
    faults = [OperationalError("starting up")] * 2
    logins_of = authorisation.logins_of

    def sometimes(keys):
        if faults:
            raise faults.pop()
        return logins_of(keys)

    monkeypatch.setattr(hub, "_AFTER_A_FAULT", 0.01)
    monkeypatch.setattr(authorisation, "logins_of", sometimes)
    await in_database(restore, 0, renewed=True)
    await site.publish("Nova", to=norte)
    await stream.next("resync")
    assert (faults, stream.titles) == ([], [])


async def test_who_was_authorised_in_the_past_life_comes_back_to_be_authorised_in_this_one(site, ana):
    grant = (await in_database(authorisation.grants_of, [ana.pk]))[ana.pk]
    await in_database(restore, 0, renewed=True)
    wakes.wake(wakes.HUBS)
    watching = await site.open(ana)
    assert watching.events[1].data["position"] != str(grant.position)
    late = AsgiStream(Lane.LIVE, "a session", "", limit=1_000, send=None)
    site.hub.join(grant, late, site.hub.access.mark)
    assert late.ended
    assert b"event: bye" in late.take_queued()


async def test_counts_go_on_from_what_the_new_life_holds(site, ana, norte):
    await site.publish("1", "2", "3", to=norte)
    stream = await site.open(ana)
    assert await stream.counted(3)
    await in_database(restore, 1, renewed=True)
    assert await stream.counted(1)
    await site.publish("Nova", to=norte)
    assert await stream.counted(2)


@pytest.mark.usefixtures("long_ago")
async def test_a_trim_takes_what_is_gone_out_of_the_counts(site, ana, norte, monkeypatch):
    await site.publish("1", "2", "3", to=norte)
    stream = await site.open(ana)
    assert await stream.counted(3)

    def trim_two():
        old = Notification.objects.filter(seq__lte=2)
        old.update(stamped_at=timezone.now() - timedelta(days=200), dispatch_state=DispatchState.SKIPPED)
        assert retention.trim() == 2

    await in_database(trim_two)
    await eventually(lambda: site.hub.counts.trimmed_to == 2)
    monkeypatch.setattr(access_refresh, "SWEEP", 0.0)
    await site.hub._sweep()
    assert await stream.counted(1)
    assert "resync" not in stream.names()


async def test_a_hub_that_is_behind_a_trim_says_resync(site, ana, norte):
    stream = await site.open(ana)
    await in_database(LogHead.objects.update, seq=9, trimmed_to=9)
    assert (await stream.next("resync")).id == f"{site.hub.position.epoch}.9"
