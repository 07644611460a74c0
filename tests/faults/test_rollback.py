"""The quick rollback: everybody is on Ably, a plan is under way, and one command brings them back to SSE."""

import asyncio
import time

import httpx
import psycopg
import pytest

from tests.faults.crowd import on_ably
from tests.faults.history import Path
from tests.faults.machines import burst, pages
from tests.faults.outage import machines_on_ably
from tests.live.ably_server import AblyServer
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.services]

WITHIN = 5.0  # seconds until every page is served by SSE
NOTHING_MORE_AFTER = 1.0  # seconds until nothing goes to Ably any more


@pytest.fixture(params=[50])
def machines(request, postgres, redis):
    """So many people, each with a page on Ably, by a plan in its last stage."""
    with (
        AblyServer() as ably,
        machines_on_ably(postgres, redis, ably.key, ably.port, people=request.param, live=0) as machines,
    ):
        site = machines.webs[1]
        site.manage("shell", "--no-imports", "-c", _BY_PERCENT)
        for act in ("start", "advance", "advance", "advance"):
            site.manage("rollout", act, "--reason", "Ensaio")
        yield machines


_BY_PERCENT = "from notificacao.models import RolloutFlag; RolloutFlag.objects.update(everyone=None)"


async def test_one_command_brings_every_page_to_sse_within_five_seconds_and_loses_nothing(machines):
    lane = "standby"  # refused to who is not on Ably
    async with (
        pages(machines, (lambda: lane,)) as browsers,
        on_ably(machines.sites[-1], browsers) as crowd,
        burst(machines, browsers, pace=0.5) as load,
    ):
        await eventually(lambda: crowd.brought >= 2 * len(browsers), 90, 0.1)
        await asyncio.to_thread(machines.webs[1].manage, "rollout", "rollback", "--reason", "Ably lento")
        lane = "live"
        back_at = _rolled_back_at(machines.database)
        await load.delivered(5 * len(browsers))
        assert await _transports(machines, browsers) == {"sse"}
    took = [_served_by_sse(browser, load.rows, back_at) for browser in browsers]
    print(f"\n{len(browsers)} pages on SSE {max(took):.1f} s after the rollback; {len(load.rows)} rows, lost 0")
    assert max(took) < WITHIN
    late = {row.event_id for row in load.rows if row.began > back_at + NOTHING_MORE_AFTER}
    ways = {arrival.path for one in browsers for arrival in one.page.history.arrivals if arrival.event_id in late}
    assert Path.ABLY not in ways


def _rolled_back_at(database: str) -> float:
    """By the monotonic clock, which the producer's rows are timed by."""
    with psycopg.connect(database) as connection:
        query = "SELECT at FROM notificacao_rolloutevent WHERE action = 'roll_back'"
        return connection.execute(query).fetchone()[0].timestamp() - time.time() + time.monotonic()


async def _transports(machines, browsers) -> set[str]:
    """What the session tells some of the pages."""
    async with httpx.AsyncClient(timeout=30) as http:
        sessions = [one.person["session"] for one in browsers[:10]]
        answers = [
            await http.get(f"{machines.sites[0]}/api/v1/session/", headers={"Cookie": f"sessionid={session}"})
            for session in sessions
        ]
    return {answer.json()["transport"] for answer in answers}


def _served_by_sse(browser, rows, since: float) -> float:
    """Seconds from the rollback until this page had the first row that was begun after it."""
    after = {row.event_id for row in rows if row.began > since}
    since_the_epoch = time.time() - time.monotonic()
    came = [one.at for one in browser.page.history.arrivals if one.shown and one.event_id in after]
    return min(came) - since_the_epoch - since
