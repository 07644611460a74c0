"""How streams end, how many there may be, and what an open one costs."""

import asyncio
import json

import pytest
from django.db.backends.signals import connection_created

from notificacao import audiences
from notificacao.stream import limits
from notificacao.stream.request import StreamRejected
from tests.asgi import in_database, set_rollout
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(params=["plain", "taken"])
def served(request):
    return request.param


BROWSER = "AbCdEfGhIjKlMnOpQrS_-9"
ANOTHER = "9" * 22


async def test_one_browser_has_one_stream_and_the_new_one_stays(site, ana):
    old = await site.open(ana, browser=BROWSER)
    new = await site.open(ana, browser=BROWSER)
    assert (await old.next("bye")).data == {"reason": "replaced", "after_ms": 0}
    await old.end()
    assert old.over
    await site.publish("Nova", to=audiences.SYSTEM_CHANNEL)
    await new.next("notification")
    assert "bye" not in new.names()


async def test_the_same_id_of_another_person_replaces_nobody(site, ana, bia):
    first, second = await site.open(ana, browser=BROWSER), await site.open(bia, browser=BROWSER)
    await site.publish("Nova", to=audiences.SYSTEM_CHANNEL)
    for stream in (first, second):
        await stream.next("notification")
        assert "bye" not in stream.names()


async def test_other_browsers_and_nameless_ones_live_side_by_side(site, ana):
    streams = [await site.open(ana, **asked) for asked in ({"browser": BROWSER}, {"browser": ANOTHER}, {}, {})]
    await site.publish("Nova", to=audiences.SYSTEM_CHANNEL)
    for stream in streams:
        await stream.next("notification")
        assert "bye" not in stream.names()


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_the_oldest_stream_gives_way_when_one_is_too_many_and_none_before(site, ana, settings, limit):
    settings.STREAMS_PER_PERSON = limit
    streams = [await site.open(ana) for _ in range(limit)]
    assert len(site.hub.registry.subscribers[ana.pk].streams) == limit
    streams.append(await site.open(ana))
    assert (await streams[0].next("bye")).data == {"reason": "limit", "after_ms": 60_000}
    await site.publish("Nova", to=audiences.SYSTEM_CHANNEL)
    for stream in streams[1:]:
        await stream.next("notification")
        assert "bye" not in stream.names()


async def test_drain_sends_everybody_away_over_two_seconds(site, ana, bia, caio):
    streams = [await site.open(person) for person in (ana, bia, caio, ana)]
    site.hub.drain()
    waits = []
    for stream in streams:
        bye = await stream.next("bye")
        assert bye.data["reason"] == "drain"
        waits.append(bye.data["after_ms"])
        await stream.end()
        assert stream.over
    assert sorted(waits) == [0, 500, 1000, 1500]
    await eventually(lambda: not site.hub.registry.subscribers)


async def test_drain_of_nobody_is_nothing(site):
    site.hub.drain()
    assert site.hub.registry.subscribers == {}


@pytest.mark.slow
async def test_who_does_not_read_is_sent_away_and_the_others_go_on(site, ana, bia, settings):
    settings.STREAM_BUFFER = 4_096
    slow, quick = await site.open(ana), await site.open(bia)
    slow.stall()
    for _ in range(20):
        await site.publish(*["Muito texto"] * 10, to=audiences.SYSTEM_CHANNEL)
        for _ in range(10):
            await quick.next("notification")
    slow.read_on()
    assert (await slow.next("bye")).data == {"reason": "slow", "after_ms": 1_000}
    await slow.end()
    assert slow.over
    assert len(slow.titles) < len(quick.titles)


async def test_a_full_process_refuses_until_somebody_leaves(site, ana, bia, caio, settings):
    """Strangers take no place for longer than it takes to refuse them."""
    settings.STREAMS_PER_PROCESS = 2
    first, _ = await site.open(ana), await site.open(bia)
    rejected = await site.request(await site.cookie(caio))
    assert rejected.status == 503
    assert json.loads(rejected.body)["code"] == "too_many_streams"
    assert 5 <= int(rejected.headers[b"retry-after"]) <= 15
    await first.close()
    await eventually(lambda: len(site.hub.registry.subscribers) == 1)
    for _ in range(3):
        assert (await site.request()).status == 401
    assert (await site.open(caio)).status == 200


async def test_an_address_holds_so_many_streams_and_another_one_when_one_of_them_ends(site, ana, bia, caio, settings):
    """Strangers behind it take no place for longer than it takes to refuse them."""
    settings.STREAMS_PER_ADDRESS = 2
    first, _ = await site.open(ana), await site.open(bia)
    rejected = await site.request(await site.cookie(caio))
    assert (rejected.status, json.loads(rejected.body)["code"]) == (429, "too_many_from_address")
    assert 5 <= int(rejected.headers[b"retry-after"]) <= 15
    await first.close()
    await eventually(lambda: len(site.hub.registry.subscribers) == 1)
    for _ in range(3):
        assert (await site.request()).status == 401
    last = await site.open(caio)
    assert (await site.request(await site.cookie(ana))).status == 429
    await last.close()


async def test_another_address_and_none_have_limits_of_their_own(settings):
    settings.STREAMS_PER_ADDRESS = 1
    places = limits.Limits()
    for address in ("10.0.0.1", "10.0.0.2", "", ""):
        places.take_place(address)
    with pytest.raises(StreamRejected):
        places.take_place("10.0.0.1")
    for address in ("10.0.0.1", "10.0.0.2", "", ""):
        places.give_back(address)
    assert not places._by_address
    places.close()


async def test_who_opens_too_fast_is_told_when_to_come_back_and_others_are_not(site, ana, bia, settings):
    settings.RATE_STREAMS = (1, 3)
    for _ in range(3):
        await site.open(ana)
    rejected = await site.request(await site.cookie(ana))
    assert (rejected.status, json.loads(rejected.body)["code"]) == (429, "opened_too_fast")
    assert int(rejected.headers[b"retry-after"]) >= 1
    assert (await site.open(bia)).status == 200


async def test_while_it_drains_nobody_new_is_let_in(site, ana):
    site.hub.drain()
    rejected = await site.request(await site.cookie(ana))
    assert (rejected.status, json.loads(rejected.body)["code"]) == (503, "not_ready")


async def test_who_was_on_the_way_in_when_it_began_to_drain_is_sent_away_too(site, ana, monkeypatch):
    held, go_on, reached = asyncio.Event(), asyncio.Event(), site.hub.reached

    async def held_up(position):
        held.set()
        await go_on.wait()
        return await reached(position)

    monkeypatch.setattr(site.hub, "reached", held_up)
    request = asyncio.create_task(site.request(await site.cookie(ana)))
    await held.wait()
    site.hub.drain()
    go_on.set()
    stream = await request
    assert (await stream.next("bye")).data["reason"] == "drain"
    await stream.end()
    assert site.hub.registry.subscribers == {}


async def test_a_page_that_is_closed_is_forgotten(site, ana):
    stream = await site.open(ana)
    await stream.close()
    await eventually(lambda: not site.hub.registry.subscribers)


async def test_a_page_that_is_closed_while_it_is_being_written_to_is_forgotten(site, ana):
    stream = await site.open(ana)
    stream.hang_up()
    await site.publish("Nova", to=audiences.SYSTEM_CHANNEL)
    await eventually(lambda: not site.hub.registry.subscribers)
    assert stream.titles == []


async def test_a_quiet_live_stream_is_told_how_far_it_is(site, ana, settings):
    settings.STREAM_HEARTBEAT = 0.01
    stream = await site.open(ana)
    assert (await stream.next("heartbeat")).id == str(site.hub.position)
    await site.publish("Nova", to=audiences.SYSTEM_CHANNEL)
    await stream.next("notification")
    assert (await stream.next("heartbeat")).id == f"{site.hub.position.epoch}.1"


async def test_a_quiet_standby_stream_gets_an_empty_comment(site, ana, settings):
    settings.STREAM_HEARTBEAT = 0.01
    await in_database(set_rollout, everyone=True, breaker="closed")
    stream = await site.open(ana, lane="standby")
    assert (await stream.next("heartbeat")).id is None
    assert b"\n:\n\n" in stream.body


async def test_a_stream_that_is_not_quiet_gets_no_heartbeat(site, ana, settings):
    settings.STREAM_HEARTBEAT = 60.0
    stream = await site.open(ana)
    for number in range(3):
        await site.publish("Nova", to=audiences.SYSTEM_CHANNEL)
        await stream.next("notification")
        await stream.counted(number + 1)
    assert "heartbeat" not in stream.names()


async def test_thirty_open_streams_hold_no_connection_of_their_own(site, ana, bia, settings):
    """The hub has two, the authoriser and the replay one each."""
    settings.STREAMS_PER_PERSON = 30
    cursor = f"{site.hub.position.epoch}.0"
    await site.publish("Uma", to=audiences.SYSTEM_CHANNEL)
    await site.open(ana, cursor=cursor)
    await site.hub.access.authorise([ana.pk])
    await site.cookie(bia)
    made = []

    def note(connection, **kwargs):
        made.append(connection)

    connection_created.connect(note)
    try:
        streams = await asyncio.gather(*(site.open(bia, cursor=cursor) for _ in range(30)))
    finally:
        connection_created.disconnect(note)
    assert [stream.titles for stream in streams] == [["Uma"]] * 30
    assert len(site.hub.registry.subscribers[bia.pk].streams) == 30
    assert made == []


@pytest.mark.services
async def test_with_redis_all_processes_count_a_persons_openings_together(site, ana, bia, redis, settings):
    settings.REDIS_URL, settings.RATE_STREAMS = redis.url, (1, 8)
    here, elsewhere = limits.OpenRateLimiter(), limits.OpenRateLimiter()
    waits = await asyncio.gather(*(process.take(ana.pk) for process in (here, elsewhere) for _ in range(6)))
    assert sorted(waits)[:8] == [0] * 8
    assert all(wait > 0 for wait in sorted(waits)[8:])
    assert (await site.request(await site.cookie(ana))).status == 429
    assert (await site.open(bia)).status == 200
    for process in (here, elsewhere):
        process.close()
