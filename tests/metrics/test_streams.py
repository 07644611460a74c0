"""What streams write, replay and refuse is counted where it happens: a real stream is read, then /metrics."""

import asyncio

import pytest
from asgiref.sync import sync_to_async

from notificacao import metrics
from notificacao.models import DispatchState
from tests.asgi import set_rollout
from tests.scraped import Grown, scrape
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


async def now(counted, *args, **labels):
    return await sync_to_async(counted)(*args, **labels)


@pytest.fixture(params=["plain", "taken"])
def served(request):
    return request.param


async def test_each_event_and_each_byte_of_a_stream_is_counted(site, ana, of_ana, norte):
    counted = await sync_to_async(Grown)()
    stream, other = await site.open(ana), await site.open(ana)
    await site.publish("Uma", "Outra", to=of_ana)
    await site.publish("Para todos", to=norte)
    for one in (stream, other):
        await one.next("notification")
        await one.counted(3)
    site.hub.drain()
    come = [event.name for one in (stream, other) for event in await one.end()]
    size = sum(len(one.body) for one in (stream, other))
    for name in metrics.EVENTS:
        assert await now(counted, "stream_events_total", event=name) == come.count(name), name
    assert come.count("notification") == 6
    assert await now(counted, "stream_bytes_total") == size
    assert await now(counted, "person_streams_sum") == 1 + 2


async def test_a_row_for_the_standby_lane_is_counted_once_for_each_stream(site, ana, of_ana):
    await sync_to_async(set_rollout)(percent=100, breaker="closed")
    streams = [await site.open(ana, lane="standby") for _ in range(2)]
    counted = await sync_to_async(Grown)()
    await site.publish("Uma", to=of_ana, dispatch_state=DispatchState.FAILED)
    for stream in streams:
        await stream.next("notification")
    assert await now(counted, "stream_events_total", event="notification") == 2


async def test_a_replay_is_counted_with_its_rows(site, ana, of_ana):
    position = site.hub.position
    await site.publish("Uma", "Outra", to=of_ana)
    counted = await sync_to_async(Grown)()
    await site.open(ana, cursor=str(position))
    assert await now(counted, "replay_rows_count") == 1
    assert await now(counted, "replay_rows_sum") == 2


async def test_a_stream_that_cannot_go_on_from_its_cursor_is_counted_by_reason(site, ana, of_ana, settings):
    settings.REPLAY_LIMIT = 1
    position = site.hub.position
    await site.publish("Uma", "Outra", to=of_ana)
    counted = await sync_to_async(Grown)()
    await site.open(ana, cursor=str(position))
    await site.open(ana, cursor="ffff.0")
    await site.open(ana, cursor=f"{position.epoch}.999")
    grown = {reason: await now(counted, "resyncs_total", reason=reason) for reason in metrics.RESYNC_REASONS}
    assert grown == {"epoch": 1, "ahead": 1, "trimmed": 0, "too_long": 1}


async def test_a_stream_that_is_refused_is_counted_by_reason(site, ana):
    counted = await sync_to_async(Grown)()
    await site.request()
    await site.request(lane="nenhuma")
    assert await now(counted, "streams_refused_total", reason="not_authenticated") == 1
    assert await now(counted, "streams_refused_total", reason="invalid") == 1


async def test_a_hub_that_is_behind_shows_by_how_many_rows(site, ana, of_ana, monkeypatch):
    """It stands still between its look at the log and its writing."""
    go_on, apply = asyncio.Event(), site.hub._apply

    async def wait_first(news):
        if news.rows:
            await go_on.wait()
        await apply(news)

    await site.open(ana)
    monkeypatch.setattr(site.hub, "_apply", wait_first)
    await site.publish("Uma", "Outra", "Terceira", to=of_ana)

    async def lag():
        return (await sync_to_async(scrape)())("hub_lag_rows")

    async def is_behind():
        return await lag() == 3

    async def has_caught_up():
        return await lag() == 0

    await eventually(is_behind)
    go_on.set()
    await eventually(has_caught_up)
