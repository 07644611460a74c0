"""Ably goes away in the middle of a burst, in each of its ways: nothing is lost, nothing comes twice, and what comes
next comes over the stream that is already open.

200 streams (of 50 people, one page of each on Ably) are what a small machine bears beside everything else.
"""

import time

import httpx
import pytest

from tests.answering import Answering
from tests.faults import history
from tests.faults.clients import Browser
from tests.faults.crowd import on_ably
from tests.faults.machines import Machines, Trial, trial
from tests.faults.proxy import Proxy
from tests.live.ably_server import AblyServer
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.services]

PEOPLE = 50
LANES = (lambda: "standby", *(lambda: "live",) * 3)
WITHIN = 2.0  # seconds that Ably's absence may cost the first row
AWAY_FOR = 2_000  # arrivals, at all pages


@pytest.fixture(scope="module")
def ably():
    """The server, and the way to it: what breaks is either."""
    with AblyServer() as server, Proxy(server.port) as way:
        yield server, way


@pytest.fixture(scope="module")
def machines(postgres, redis, ably):
    server, way = ably
    settings = {
        "ABLY_API_KEY": server.key,
        "ABLY_PORT": str(way.port),
        "ABLY_PUBLISH_TIMEOUT": "1",
        "BREAKER_COOLDOWN": "1",
        "CANARY_EVERY": "2",
    }
    with Machines(postgres, redis, size=PEOPLE, **settings) as machines:
        yield machines


async def in_use(machines) -> None:
    """Once Ably is, as every process sees it."""
    async with httpx.AsyncClient() as http:

        async def everywhere():
            return all([(await http.get(f"{site}/health/ably")).is_success for site in machines.sites])

        await eventually(everywhere, within=60)


async def outage(machines, break_it, mend_it) -> None:
    await in_use(machines)
    async with trial(machines, pace=0.5, lanes=LANES) as load:
        pages = load.browsers[:: len(LANES)]
        async with on_ably(machines.sites[1], pages) as crowd:
            await load.delivered(AWAY_FOR)
            broken_at = time.monotonic()
            await break_it()
            await load.delivered(AWAY_FOR)
            mended_at = time.monotonic()
            await mend_it()
            await in_use(machines)
            await eventually(lambda: crowd.attached, within=90)
            before = by_ably(pages)
            await eventually(lambda: by_ably(pages) > before, within=60)
    delays = [
        delay
        for page, beside in zip(pages, load.browsers[1 :: len(LANES)], strict=True)
        if (delay := first_delay(load, page, beside, broken_at, mended_at)) is not None
    ]
    assert len(delays) > PEOPLE / 2
    assert max(delays) < WITHIN


def by_ably(pages) -> int:
    return sum(arrival.path is history.Path.ABLY for page in pages for arrival in page.page.history.arrivals)


def first_delay(load: Trial, page: Browser, beside: Browser, broken_at: float, mended_at: float) -> float | None:
    """By how many seconds the first row that was written while Ably was away came later to `page` than to `beside`, the
    same person's page in the live lane: a machine that is busy holds up both.
    """
    came, came_beside = shown_at(page), shown_at(beside)
    meanwhile = (row for row in load.rows if row.began > broken_at and row.ended < mended_at)
    first = min((row for row in meanwhile if row.event_id in came), key=lambda row: row.ended, default=None)
    return None if first is None else came[first.event_id] - came_beside[first.event_id]


def shown_at(browser: Browser) -> dict[str, float]:
    return {arrival.event_id: arrival.at for arrival in browser.page.history.arrivals if arrival.shown}


async def test_the_server_is_killed_and_started_again(machines, ably):
    server, _ = ably

    async def kill():
        server.kill()

    async def start():
        server.start()

    await outage(machines, kill, start)


async def test_everything_that_is_sent_there_vanishes(machines, ably):
    _, way = ably

    async def swallow():
        way.swallow()

    async def heal():
        way.heal()

    await outage(machines, swallow, heal)


@pytest.mark.parametrize("status", [429, 500])
async def test_every_request_is_answered_with(machines, ably, status):
    server, way = ably
    instead = Answering()
    instead.says(status, {"error": {"code": status * 100, "statusCode": status, "message": "no"}})
    port = await instead.start()

    async def answer_instead():
        way.target = port
        way.reset()

    async def lead_back():
        way.target = server.port
        way.reset()

    await outage(machines, answer_instead, lead_back)
    await instead.stop()
