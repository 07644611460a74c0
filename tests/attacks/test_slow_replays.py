"""Somebody opens a stream far back in the log and reads it slowly: it counts like any other, and ends with access."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from notificacao import changes, metrics
from notificacao.stream import application, asgi_stream, hub, socket_stream
from tests.asgi import in_database
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
ROWS = 200


@pytest.fixture(params=["plain", "taken"])
def served(request):
    return request.param


@pytest.fixture(autouse=True)
def little_is_under_way(monkeypatch):
    """The reader's stall is felt after few rows."""
    monkeypatch.setattr(application, "_PAGE", 10)


@pytest.fixture
def curt(monkeypatch):
    """A goodbye that nobody reads is not waited for."""
    for module in (asgi_stream, socket_stream):
        monkeypatch.setattr(module, "GRACE", 0.1)


@pytest.fixture
async def behind(site, ana, norte, settings):
    """Ana's slow stream, which has read a part of the rows of her unit: `await behind()` opens one more."""
    settings.STREAM_BUFFER = 4_096
    await site.publish(*[f"{n} " + "x" * 90 for n in range(ROWS)], to=norte)
    await eventually(lambda: site.hub.position.seq == ROWS)
    site.hub.replay_cache.restart(site.hub.position)

    async def open_another(**asked):
        stream = await site.request(await site.cookie(ana), cursor=f"{site.hub.position.epoch}.0", **asked)
        stream.stall()
        return stream

    return open_another


def open_streams() -> float:
    return metrics.OPEN_STREAMS.labels("live")._value.get()


def leave(person):
    person.memberships.get().delete()


def deactivate(person):
    person.is_active = False
    person.save()


def change_password(person):
    person.set_password("outra-senha-de-teste")
    person.save()


def log_out(person):
    Session.objects.all().delete()
    changes.of_access([person.pk])


def leave_in_bulk(person):
    """Without a signal: nobody is told."""
    person.memberships.all()._raw_delete("default")


def channels_of(site, person) -> set[str]:
    subscriber = site.hub.registry.subscribers.get(person.pk)
    return set(subscriber.channels) if subscriber else set()


def is_replaying(site, person) -> bool:
    subscriber = site.hub.registry.subscribers.get(person.pk)
    return subscriber is not None and any(stream.replaying for stream in subscriber.streams)


async def test_a_stream_in_replay_is_known_and_counted(site, ana, behind):
    before = open_streams()
    stream = await behind()
    assert is_replaying(site, ana)
    assert open_streams() == before + 1
    stream.read_on()
    await stream.next("counts")
    assert len(stream.titles) == ROWS
    assert not is_replaying(site, ana)
    assert open_streams() == before + 1
    await stream.close()
    await eventually(lambda: open_streams() == before)


@pytest.mark.usefixtures("curt")
@pytest.mark.parametrize("end", [deactivate, change_password, log_out])
async def test_a_replay_ends_with_the_login_though_nobody_reads_it(site, ana, behind, end):
    stream = await behind()
    await in_database(end, ana)
    await eventually(lambda: ana.pk not in site.hub.registry.subscribers)
    stream.read_on()
    await stream.end()
    assert len(stream.titles) < ROWS


@pytest.mark.usefixtures("curt")
async def test_a_replay_ends_when_the_login_expires(site, ana, behind, monkeypatch):
    monkeypatch.setattr(hub, "TICK", 0.02)
    stream = await behind()
    await in_database(lambda: Session.objects.update(expire_date=Now() - timedelta(seconds=1)))
    (of_ana,) = site.hub.registry.subscribers[ana.pk].streams
    of_ana.login_ends_at = 0.0
    await eventually(lambda: ana.pk not in site.hub.registry.subscribers)
    stream.read_on()
    await stream.end()
    assert len(stream.titles) < ROWS


async def test_who_leaves_a_unit_meanwhile_gets_no_row_of_it_that_comes_later(site, ana, behind, norte):
    stream = await behind()
    await in_database(leave, ana)
    await site.publish("Depois", to=norte)
    await eventually(lambda: norte not in channels_of(site, ana))
    stream.read_on()
    assert (await stream.next("bye")).data["reason"] == "drain"
    assert len(stream.titles) < ROWS
    assert "Depois" not in stream.titles
    again = await site.request(await site.cookie(ana), last_event_id=stream.events[-2].id)
    await again.next("counts")
    assert again.titles == []


async def test_a_long_replay_is_looked_at_again_before_it_is_fed(site, ana, behind, norte, monkeypatch):
    """Nobody told of the change: the sweep has not come by yet."""
    monkeypatch.setattr(application, "_ASK_AGAIN", -1.0)
    stream = await behind()
    await in_database(leave_in_bulk, ana)
    stream.read_on()
    assert (await stream.next("bye")).data["reason"] == "drain"
    assert is_replaying(site, ana) or ana.pk not in site.hub.registry.subscribers


@pytest.mark.usefixtures("curt")
async def test_one_person_holds_no_more_replays_than_streams(site, ana, behind, settings):
    settings.STREAMS_PER_PERSON = 3
    for _ in range(12):
        await behind()
    subscriber = site.hub.registry.subscribers[ana.pk]
    assert sum(not stream.ended for stream in subscriber.streams) == 3
    await eventually(lambda: len(subscriber.streams) == 3)


@pytest.mark.usefixtures("curt")
async def test_a_replay_ends_within_its_time(site, ana, behind, monkeypatch):
    monkeypatch.setattr(application, "_REPLAYED_WITHIN", 0.05)
    stream = await behind()
    (of_ana,) = site.hub.registry.subscribers[ana.pk].streams
    await eventually(lambda: of_ana.ended)
    await eventually(lambda: ana.pk not in site.hub.registry.subscribers)
    stream.read_on()
    await stream.end()
    assert len(stream.titles) < ROWS


@pytest.mark.usefixtures("curt")
async def test_a_drain_sends_replays_away_too(site, ana, behind):
    stream = await behind()
    site.hub.drain()
    await eventually(lambda: ana.pk not in site.hub.registry.subscribers)
    stream.read_on()
    await stream.end()
    assert len(stream.titles) < ROWS
