"""The standby lane: what Ably does not carry, and when it is time to change lanes."""

import time

import pytest
from django.db import transaction

from notificacao import audiences, eventlog, wakes
from notificacao.models import Membership, Notification, Role, RolloutFlag, Unit
from notificacao.stream.standby import PATIENCE
from tests.asgi import in_database, set_rollout

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def on_ably(site):
    """Writes the flag and the breaker."""

    async def change(**rollout):
        await in_database(set_rollout, **rollout)

    return change


@pytest.fixture
def endless_patience(monkeypatch):
    """What comes all the same did not wait for its end."""
    monkeypatch.setattr("notificacao.stream.standby.PATIENCE", float("inf"))


@pytest.fixture
async def standby(on_ably, site, ana):
    """A stream of ana's in the standby lane."""
    await on_ably(everyone=True, breaker="closed")
    return await site.open(ana, lane="standby")


async def settle(row, state):
    await in_database(Notification.objects.filter(pk=row.pk).update, dispatch_state=state)
    wakes.wake(wakes.HUBS)


async def test_a_standby_stream_begins_with_all_heads_and_counts(standby, norte):
    assert standby.names() == ["retry", "heads", "counts"]
    assert norte in standby.events[1].data["channels"]


async def test_a_row_that_ably_took_does_not_come_and_one_that_it_did_not_take_does(site, standby, norte):
    await site.publish("Publicada", to=norte, dispatch_state="published")
    await site.publish("Falhou", to=norte, dispatch_state="failed")
    event = await standby.next("notification")
    assert standby.titles == ["Falhou"]
    assert event.id is None


async def test_a_row_that_settles_later_comes_only_if_it_failed(site, standby, norte):
    first, second = await site.publish("Publicada", "Falhou", to=norte)
    await settle(first, "published")
    await settle(second, "failed")
    assert (await standby.next("notification")).data["title"] == "Falhou"
    await site.publish("Fim", to=norte, dispatch_state="failed")
    await standby.next("notification")
    assert standby.titles == ["Falhou", "Fim"]


async def test_a_row_that_failed_does_not_wait_for_patience_to_end(site, standby, norte, endless_patience):
    await site.publish("Falhou", to=norte, dispatch_state="failed")
    await standby.next("notification")


async def test_a_row_without_an_answer_comes_when_patience_ends(site, standby, norte):
    began = time.monotonic()
    await site.publish("Sem resposta", to=norte)
    await standby.next("notification")
    assert time.monotonic() - began >= PATIENCE
    assert standby.titles == ["Sem resposta"]


async def test_while_the_breaker_is_open_rows_come_at_once(site, on_ably, standby, norte, endless_patience):
    await on_ably(breaker="open")
    await site.publish("Sem Ably", to=norte)
    await standby.next("notification")
    assert "session" not in standby.names(), "an outage moves nobody out of standby"


async def test_an_outage_sends_what_waits_for_ably_at_once(site, on_ably, standby, norte, endless_patience):
    await site.publish("Aguardava", to=norte)
    await on_ably(breaker="open")
    await standby.next("notification")


async def test_when_ably_is_back_what_it_took_comes_as_well_until_the_pages_are_there_again(
    site, on_ably, standby, norte
):
    await on_ably(breaker="open")
    await site.publish("Sem Ably", to=norte)
    await standby.next("notification")
    await on_ably(breaker="closed")
    await site.publish("De volta", to=norte, dispatch_state="published")
    await standby.next("notification")
    assert standby.titles == ["Sem Ably", "De volta"]


async def test_the_heads_that_moved_are_told_whoever_carried_the_row(site, standby, norte):
    (row,) = await site.publish("Publicada", to=norte, dispatch_state="published")
    heads = await standby.next("heads")
    assert heads.data["channels"] == {norte: row.seq}
    assert eventlog.Cursor.parse(heads.data["position"]).seq >= row.seq
    assert standby.titles == []


async def test_a_standby_stream_hears_only_its_own_channels(site, on_ably, standby, caio, norte):
    other = await site.open(caio, lane="standby")
    await site.publish("Norte", to=norte, dispatch_state="failed")
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL, dispatch_state="failed")
    while (await other.next("notification")).data["title"] != "Fim":
        pass
    assert other.titles == ["Fim"]
    assert norte.encode() not in other.body


async def test_both_lanes_of_a_person_hear_each_in_its_way(site, standby, ana, norte):
    live = await site.open(ana)
    await site.publish("Publicada", to=norte, dispatch_state="published")
    await site.publish("Falhou", to=norte, dispatch_state="failed")
    for stream, expected in ((live, ["Publicada", "Falhou"]), (standby, ["Falhou"])):
        while (await stream.next("notification")).data["title"] != "Falhou":
            pass
        assert stream.titles == expected


async def test_who_is_taken_off_ably_is_told_so_and_has_nothing_to_fetch(on_ably, standby):
    await on_ably(everyone=False)
    assert (await standby.next("session")).data == {"transport": "sse"}


async def test_who_is_put_on_ably_is_told_to_fetch_the_session(site, on_ably, ana):
    await on_ably(everyone=False, breaker="closed")
    stream = await site.open(ana)
    await on_ably(everyone=True)
    assert (await stream.next("session")).data == {}


async def test_who_is_on_sse_for_an_outage_is_told_when_ably_is_back(site, on_ably, ana):
    await on_ably(everyone=True, breaker="open")
    stream = await site.open(ana)
    assert "session" not in stream.names()
    await on_ably(breaker="closed")
    assert (await stream.next("session")).data == {}


async def test_who_is_put_on_ably_while_away_is_told_on_coming_back(site, on_ably, ana):
    await on_ably(everyone=True, breaker="closed")
    stream = await site.open(ana)
    assert "session" in stream.names() or await stream.next("session")


async def test_a_percentage_moves_only_those_whom_it_reaches(site, on_ably, ana, caio, norte):
    await on_ably(percent=0, breaker="closed")
    streams = {person: await site.open(person) for person in (ana, caio)}

    def just_enough_for_one():
        flag = RolloutFlag.objects.get(name="ably")
        first, second = sorted((ana, caio), key=lambda person: flag.bucket(person.pk))
        while flag.bucket(second.pk) - flag.bucket(first.pk) < 200:
            flag.salt += "x"
            first, second = sorted((ana, caio), key=lambda person: flag.bucket(person.pk))
        flag.percent = (flag.bucket(first.pk) // 100 + 1) / 10
        flag.save()
        return first, second

    moved, stays = await in_database(just_enough_for_one)
    await streams[moved].next("session")
    await site.publish("Fim", to=audiences.SYSTEM_CHANNEL)
    await streams[stays].next("notification")
    assert "session" not in streams[stays].names()


async def test_what_moves_between_the_grant_and_the_join_is_in_the_heads(site, standby, ana, norte, monkeypatch):
    """The row settled before the stream was there; the heads alone can tell of it."""
    reached = site.hub.reached

    async def reached_and_then_another(position):
        ready = await reached(position)
        (row,) = await site.publish("No meio", to=norte, dispatch_state="failed")
        await reached(eventlog.Cursor(position.epoch, row.seq))
        await standby.next("heads")
        return ready

    monkeypatch.setattr(site.hub, "reached", reached_and_then_another)
    stream = await site.request(await site.cookie(ana), lane="standby")
    first, second = await stream.next("heads"), await stream.next("heads")
    assert first.data["channels"][norte] == 0
    assert second.data["channels"][norte] == 1
    assert second.data["position"] == str(site.hub.position)


@pytest.mark.slow
async def test_who_joins_more_units_than_ably_can_carry_leaves_it_and_comes_back_with_fewer(
    site, standby, ana, client, settings
):
    settings.ABLY_API_KEY = "semtas.local:" + "s" * 32
    await in_database(client.force_login, ana)

    async def session():
        answer = (await in_database(client.get, "/api/v1/session/?ed25519=true")).json()
        return answer["transport"], answer["reason"]

    assert await session() == ("ably", None)
    units = [Unit(code=f"U{place}", name=f"Unidade {place}") for place in range(111)]
    await in_database(lambda: Unit.objects.bulk_create(units))
    await in_database(join_all, ana, units)
    await standby.next("session")
    assert await session() == ("sse", "too_many_channels")
    live = await site.open(ana)
    await in_database(leave_all, ana)
    await live.next("session")
    assert await session() == ("ably", None)


def leave_all(person):
    with transaction.atomic():
        for membership in person.memberships.all():
            membership.delete()


def join_all(person, units):
    with transaction.atomic():
        for unit in units:
            Membership.objects.create(person=person, role=Role.TECNICO, unit=unit)
