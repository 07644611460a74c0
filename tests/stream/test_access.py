"""What somebody may hear changes while their stream is open."""

import asyncio
import math
import threading
import time
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError, transaction
from django.utils import timezone

from notificacao import audiences, changes, eventlog, keys, wakes
from notificacao.models import Channel, Membership, Person, Role, StreamChange
from notificacao.stream import access_refresh, authorisation, hub
from notificacao.stream.fanout import Fanout
from tests.asgi import in_database, set_rollout
from tests.stamping import fill, number_changes
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def no_sweep(monkeypatch):
    """It would find after 25 s what nobody told, within the patience of a test."""
    monkeypatch.setattr(access_refresh, "_OLD", math.inf)


def leave(person):
    person.memberships.get().delete()


def sign_out():
    """As another tab of the same browser does: the session is gone, the signal tells."""
    Session.objects.all().delete()


async def test_who_leaves_a_unit_hears_no_more_of_it(site, ana, bia, norte):
    stream, other = await site.open(ana), await site.open(bia)
    await in_database(leave, ana)
    heads = await stream.next("heads")
    assert norte not in heads.data["channels"]
    await stream.next("session")
    await site.publish("Da unidade", to=norte)
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    for each in (stream, other):
        while (await each.next("notification")).data["title"] != "Fim":
            pass
    assert stream.titles == ["Fim"]
    assert other.titles == ["Da unidade", "Fim"]


async def test_no_row_of_the_unit_follows_the_word_that_it_is_gone(site, ana, norte):
    """Whether or not the hub sees the next row before the change."""
    stream = await site.open(ana)
    await site.publish("Antes", to=norte)
    await stream.next("notification")
    await in_database(leave, ana)
    await site.publish("Depois", to=norte)
    await stream.next("session")
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    while (await stream.next("notification")).data["title"] != "Fim":
        pass
    names_and_titles = [(e.name, e.data.get("title")) for e in stream.events if e.name in ("session", "notification")]
    told = names_and_titles.index(("session", None))
    assert ("notification", "Antes") in names_and_titles[:told]
    assert names_and_titles[told + 1 :] == [("notification", "Fim")]


async def test_who_joins_a_unit_hears_of_it_from_then_on(site, caio, norte, cras_norte):
    await site.publish("De antes", to=norte)
    stream = await site.open(caio)
    await in_database(Membership.objects.create, person=caio, role=Role.TECNICO, unit=cras_norte)
    heads = await stream.next("heads")
    assert heads.data["channels"][norte] == 1
    await stream.next("session")
    await site.publish("De agora", to=norte)
    await stream.next("notification")
    assert stream.titles == ["De agora"]


async def test_when_somebody_leaves_a_unit_those_on_ably_who_stay_are_told_its_new_key(site, ana, bia, caio, norte):
    await in_database(set_rollout, everyone=True)
    stays, elsewhere = await site.open(bia, lane="standby"), await site.open(caio, lane="standby")
    leaves = await site.open(ana, lane="standby")
    await in_database(leave, ana)
    await in_database(number_changes)
    wakes.wake(wakes.HUBS)
    (told,) = (await stays.next("keys")).data["channels"]
    channel = await in_database(Channel.objects.get, pk=norte)
    assert told == keys.told(channel, 0)
    assert (told["key_epoch"], len(told["old_keys"])) == (2, 1)
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    for stream in (elsewhere, leaves):
        await stream.next("notification")
        assert "keys" not in stream.names()


async def test_a_new_key_is_nothing_to_those_on_sse(site, ana, bia):
    stays = await site.open(bia)
    await in_database(leave, ana)
    await in_database(number_changes)
    last = (await in_database(eventlog.head)).changes
    wakes.wake(wakes.HUBS)
    await eventually(lambda: site.hub._last_change == last and not site.hub.access._renewed)
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    await stays.next("notification")
    assert not {"session", "keys"} & set(stays.names())


async def test_a_change_of_somebody_else_is_told_to_nobody(site, ana, caio, norte, sul):
    stream = await site.open(ana)
    await in_database(leave, caio)
    await site.publish("Fim", to=norte)
    await stream.next("notification")
    assert "session" not in stream.names()
    assert stream.names().count("heads") == 1


async def test_logout_ends_the_streams_of_that_session(site, ana, bia):
    stream, other = await site.open(ana), await site.open(bia)
    await in_database(lambda: Session.objects.filter(pk=site.session_key(ana)).delete())
    await in_database(changes.of_access, [ana.pk])
    assert (await stream.next("bye")).data == {"reason": "signed_out", "after_ms": 0}
    await stream.end()
    assert stream.over
    assert set(site.hub.registry.subscribers) == {bia.pk}
    assert "bye" not in other.names()


async def test_logout_on_one_device_leaves_the_other_open(site, ana, norte):
    here = await site.open(ana)
    first = site.session_key(ana)
    site.another_device(ana)
    there = await site.open(ana)
    assert site.session_key(ana) != first

    await in_database(lambda: Session.objects.filter(pk=first).delete())
    await in_database(changes.of_access, [ana.pk])
    assert (await here.next("bye")).data["reason"] == "signed_out"
    await site.publish("Ainda aqui", to=norte)
    await there.next("notification")
    assert there.titles == ["Ainda aqui"]


async def test_a_new_password_ends_the_streams_of_the_old_one(site, ana):
    stream = await site.open(ana)

    def change():
        person = Person.objects.get(pk=ana.pk)
        person.set_password("outro-segredo")
        person.save()

    await in_database(change)
    assert (await stream.next("bye")).data["reason"] == "signed_out"


async def test_who_is_made_inactive_is_sent_away(site, ana):
    stream = await site.open(ana)

    def deactivate():
        person = Person.objects.get(pk=ana.pk)
        person.is_active = False
        person.save()

    await in_database(deactivate)
    assert (await stream.next("bye")).data["reason"] == "signed_out"


async def test_the_sweep_finds_what_no_signal_told(site, ana, monkeypatch):
    """A bulk change touches nobody."""
    stream = await site.open(ana)
    await in_database(lambda: Session.objects.all().delete())
    monkeypatch.setattr(access_refresh, "_OLD", 0.0)
    await site.hub.access.sweep()
    assert (await stream.next("bye")).data["reason"] == "signed_out"


async def test_a_change_that_came_while_the_database_was_away_is_not_forgotten(site, ana, monkeypatch):
    stream = await site.open(ana)
    logins_of, asked = authorisation.logins_of, []

    def away_at_first(keys):
        asked.append(keys)
        if len(asked) == 1:
            raise OperationalError("gone")
        return logins_of(keys)

    monkeypatch.setattr(authorisation, "logins_of", away_at_first)
    monkeypatch.setattr(hub, "_AFTER_A_FAULT", 0.0)
    await in_database(sign_out)
    assert (await stream.next("bye")).data["reason"] == "signed_out"
    assert len(asked) == 2


async def test_a_count_that_failed_is_asked_again(site, ana, norte, monkeypatch):
    stream = await site.open(ana)
    unread_of, asked = authorisation.unread_of, []

    def away_at_first(heard):
        asked.append(heard)
        if len(asked) == 1:
            raise OperationalError("gone")
        return unread_of(heard)

    await eventually(lambda: not site.hub.registry.subscribers[ana.pk].count_again)
    monkeypatch.setattr(authorisation, "unread_of", away_at_first)
    monkeypatch.setattr(hub, "_AFTER_A_FAULT", 0.0)
    subscriber = site.hub.registry.subscribers[ana.pk]
    subscriber.unread, subscriber.count_again = 7, True
    await eventually(lambda: len(asked) >= 2)
    await eventually(lambda: subscriber.unread == 0)
    await stream.close()
    assert {event.data["unread"] for event in await stream.end() if event.name == "counts"} == {0}


async def test_a_grant_older_than_a_change_does_not_bring_the_channel_back(site, ana, norte, monkeypatch):
    """A second stream is authorised, the membership goes and is acted upon, then the second stream joins."""
    first = await site.open(ana)
    cookie = await site.cookie(ana)
    reached, held, go_on = site.hub.reached, asyncio.Event(), asyncio.Event()

    async def held_up(position):
        held.set()
        await go_on.wait()
        return await reached(position)

    monkeypatch.setattr(site.hub, "reached", held_up)
    request = asyncio.create_task(site.request(cookie))
    await held.wait()
    monkeypatch.setattr(site.hub, "reached", reached)
    await in_database(leave, ana)
    await first.next("session")
    go_on.set()
    second = await request
    await second.next("counts")
    await eventually(lambda: norte not in site.hub.registry.subscribers[ana.pk].channels)
    await site.publish("Da unidade", to=norte)
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    for stream in (first, second):
        await stream.next("notification")
        assert stream.titles == ["Fim"]


async def test_a_loss_that_is_noted_while_another_round_reads_brings_no_row(site, ana, bia, norte, monkeypatch):
    """The sweep has read what Ana may receive, and still asks for Bia; then Ana leaves, and a row is stamped."""
    stream = await site.open(ana)
    await site.open(bia)
    grants_of, asked, go_on = authorisation.grants_of, threading.Event(), threading.Event()

    def held_up(pks):
        asked.set()
        assert go_on.wait(PATIENCE)
        return grants_of(pks)

    monkeypatch.setattr(authorisation, "grants_of", held_up)
    await in_database(lambda: bia.memberships.all()._raw_delete("default"))  # as the sweep finds it: nothing told
    sweep = asyncio.create_task(site.hub.access.authorise([ana.pk, bia.pk]))
    await eventually(asked.is_set)
    await in_database(leave, ana)
    await site.publish("Da unidade", to=norte)
    await eventually(lambda: site.hub.registry.subscribers[ana.pk].withheld and site.hub.position.seq == 1)
    for _ in range(3):  # whoever works off what is pending has begun
        await in_database(eventlog.head)
    go_on.set()
    await sweep
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    await stream.next("notification")
    assert stream.titles == ["Fim"]


async def test_who_joins_while_others_are_asked_again_is_not_taken_for_signed_out(site, ana, norte, monkeypatch):
    await site.open(ana)
    site.another_device(ana)
    cookie = await site.cookie(ana)
    authorise, held, go_on = site.hub._access_thread.run, asyncio.Event(), asyncio.Event()

    async def slow(work, *args):
        answer = await authorise(work, *args)
        if work is audiences.channels_of and not held.is_set():
            held.set()
            await go_on.wait()
        return answer

    await eventually(lambda: not site.hub.registry.subscribers[ana.pk].count_again)
    monkeypatch.setattr(site.hub._access_thread, "run", slow)
    await in_database(changes.of_access, [ana.pk])
    await held.wait()
    stream = await site.request(cookie)
    await stream.next("counts")
    go_on.set()
    wakes.wake(wakes.HUBS)
    await site.publish("Nova", to=norte)
    await stream.next("notification")
    assert stream.titles == ["Nova"]
    assert "bye" not in stream.names()


async def test_the_hub_keeps_nothing_of_who_left(site, ana, caio):
    streams = [await site.open(person) for person in (ana, ana, caio)]
    await in_database(leave, caio)
    await streams[-1].next("session")
    for stream in streams:
        await stream.close()
    assert site.hub.registry.subscribers == {}
    assert (site.hub.registry._by_shared, site.hub.registry._by_personal) == ({}, {})
    assert site.hub.access._pending == {}


async def test_a_change_is_found_however_long_its_transaction_took(site, ana, norte):
    """The commit counts: whatever moment the change was written at."""
    stream = await site.open(ana)

    def leave_an_hour_ago():
        with transaction.atomic():
            leave(ana)
            StreamChange.objects.update(at=timezone.now() - timedelta(hours=1))

    await in_database(leave_an_hour_ago)
    await stream.next("session")
    assert norte not in site.hub.registry.subscribers[ana.pk].channels


def at_once(change, *rows):
    """Do `change`, and write and stamp `rows`, `(channel, title)`, in one transaction: one look sees it all."""
    with transaction.atomic():
        change()
        for channel, title in rows:
            fill(channel, title=title)


async def test_a_look_that_sees_a_lost_membership_and_a_new_row_writes_the_row_to_those_who_stay(site, ana, bia, norte):
    leaves, stays = await site.open(ana), await site.open(bia)
    await in_database(at_once, lambda: leave(ana), (norte, "Da unidade"))
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    for stream in (leaves, stays):
        while (await stream.next("notification")).data["title"] != "Fim":
            pass
    assert leaves.titles == ["Fim"]
    assert stays.titles == ["Da unidade", "Fim"]


@pytest.mark.parametrize("lasts", [None, timedelta(hours=1)], ids=["from the cache", "from the log"])
async def test_who_keeps_their_access_gets_what_was_withheld_in_order(site, ana, norte, lasts):
    stream = await site.open(ana)
    expires_at = lasts and timezone.now() + lasts

    def touched():
        changes.of_access([ana.pk])
        fill(norte, title="Enquanto se pergunta", expires_at=expires_at)

    await in_database(at_once, touched, (norte, "Logo depois"))
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    while (await stream.next("notification")).data["title"] != "Fim":
        pass
    assert stream.titles == ["Enquanto se pergunta", "Logo depois", "Fim"]
    positions = [event.id for event in stream.events if event.name == "notification"]
    assert positions == sorted(positions, key=lambda place: int(place.partition(".")[2]))


async def test_a_change_whose_look_failed_while_it_wrote_is_not_forgotten(site, ana, bia, norte, monkeypatch):
    stream, _ = await site.open(ana), await site.open(bia)
    write, failed = Fanout.write, []

    def fails_once(self):
        if self.size and not failed:
            failed.append(True)
            raise RuntimeError("a fault of ours")
        write(self)

    monkeypatch.setattr(Fanout, "write", fails_once)
    monkeypatch.setattr(hub, "_AFTER_A_FAULT", 0.0)
    await in_database(at_once, lambda: leave(ana), (norte, "Da unidade"))
    await stream.next("session")
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    await stream.next("notification")
    assert (stream.titles, failed) == (["Fim"], [True])


async def test_a_login_that_expires_ends_its_stream_at_that_moment(site, ana, monkeypatch):
    monkeypatch.setattr(hub, "TICK", 0.02)
    await site.cookie(ana)
    end = timezone.now() + timedelta(seconds=1)
    await in_database(lambda: Session.objects.filter(pk=site.session_key(ana)).update(expire_date=end))
    stream = await site.open(ana)
    assert (await stream.next("bye", within=access_refresh._OLD)).data["reason"] == "signed_out"
    assert timezone.now() >= end


async def test_a_login_that_was_prolonged_meanwhile_goes_on(site, ana, norte, monkeypatch):
    monkeypatch.setattr(hub, "TICK", 0.02)
    await site.cookie(ana)
    mine = Session.objects.filter(pk=site.session_key(ana))
    await in_database(lambda: mine.update(expire_date=timezone.now() + timedelta(seconds=1)))
    stream = await site.open(ana)
    await in_database(lambda: mine.update(expire_date=timezone.now() + timedelta(days=1)))
    (open_one,) = site.hub.registry.subscribers[ana.pk].streams
    await eventually(lambda: open_one.login_ends_at > time.monotonic() + 3_600)
    await site.publish("Ainda aqui", to=norte)
    await stream.next("notification")
    assert "bye" not in stream.names()


async def test_while_rows_are_withheld_no_heartbeat_claims_that_they_were_sent(site, ana, monkeypatch):
    stream = await site.open(ana)
    subscriber = site.hub.registry.subscribers[ana.pk]
    position = site.hub.position
    site.hub.registry.withhold(subscriber, position.seq)
    for each in subscriber.streams:
        each.quiet_since = -1e9
    await site.hub._heartbeat.beat()
    await site.hub.access._withheld.release(subscriber, lambda: True)
    await stream.close()
    assert not [event for event in await stream.end() if event.name == "heartbeat"]
