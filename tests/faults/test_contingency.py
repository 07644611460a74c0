"""Contingencies of a rollout that is under way: Ably fails altogether, or is slow, or fails now and then, or somebody
has had enough of it. Nothing is lost, nothing comes twice, and plan and guard do what they are there for.
"""

import asyncio
import contextlib

import pytest

from tests.faults.crowd import IMPATIENT, on_ably
from tests.faults.history import Path
from tests.faults.hurried import Hurried
from tests.faults.machines import BY_SESSION, burst, pages
from tests.faults.outage import WITHIN, Outage, Tenth, machines_on_ably
from tests.faults.rehearsal import OUT_OF_USE, Plan, acknowledging, gates
from tests.faults.rollback import everybody_by_plan, roll_back
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.services]

PEOPLE = 20
ON_SSE_WITHIN = 5.0  # seconds until every page is served by SSE


@pytest.fixture(scope="module")
def crowded(postgres, redis, ably):
    server, way = ably
    settings = {"RATE_CALLS": "1000", "dispatcher": Hurried}
    with machines_on_ably(postgres, redis, server.key, way.port, people=PEOPLE, live=1, **settings) as machines:
        machines.producer.tell("administrator", password="ensaio")
        yield machines


@pytest.fixture
def way(ably):
    yield ably[1]
    ably[1].heal()


@pytest.fixture
async def everybody(crowded):
    """A plan in its last stage."""
    await eventually(lambda: crowded.breaker()[0] == "closed")
    return Plan(crowded, [50, 100], 2)


@pytest.fixture
async def half(crowded):
    """A plan in the second of three stages: ten people on Ably, ten beside them to compare with.

    The web processes are new: after an outage streams bring every row for 40 seconds, which the guard would count.
    """
    await eventually(lambda: crowded.breaker()[0] == "closed")
    for site in crowded.webs:
        site.kill()
    await asyncio.gather(*(asyncio.to_thread(site.start) for site in crowded.webs))
    return Plan(crowded, [25, 50, 100], 2)


@contextlib.asynccontextmanager
async def measured(crowded, plan, pace: float):
    """Load, of which the guard counts what came by Ably and what by SSE."""
    async with pages(crowded, BY_SESSION) as browsers:
        there = [browser for browser in browsers if browser.person["name"] in plan.on_ably]
        async with (
            on_ably(crowded.sites[-1], there, **IMPATIENT),
            acknowledging(crowded.sites[-1], browsers),
            burst(crowded, browsers, pace=pace) as load,
        ):
            plan.grace_is_over()
            yield load


@pytest.mark.endurance
async def test_ably_fails_in_the_time_of_grace_and_the_plan_waits_for_it(crowded, ably, everybody):
    server, _ = ably
    before = everybody.standing()

    async def kill():
        server.kill()

    async def look_and_mend():
        await eventually(lambda: everybody.says(OUT_OF_USE))
        told = await asyncio.to_thread(crowded.webs[1].manage, "rollout", "status")
        assert "por ora todos recebem por SSE" in told
        for dispatcher in crowded.dispatchers:
            await asyncio.to_thread(dispatcher.kill)
        await asyncio.to_thread(lambda: [dispatcher.start() for dispatcher in crowded.dispatchers])
        looked = everybody.ask("SELECT now() AS at")[0]["at"]
        query = "SELECT FROM notificacao_rolloutplan WHERE looked_at > %s"
        await eventually(lambda: everybody.ask(query, looked))
        assert everybody.standing().place == before.place
        assert everybody.says(OUT_OF_USE)
        server.start()

    noticed = await Outage(crowded, 1, **IMPATIENT).of(kill, look_and_mend)
    assert max(noticed.behind) < WITHIN
    assert noticed.paths[Path.STANDBY] > 0
    await eventually(lambda: not everybody.says(OUT_OF_USE))
    assert everybody.standing().place == before.place


@pytest.mark.alone
async def test_one_command_brings_every_page_to_sse_within_five_seconds_and_loses_nothing(crowded):
    """`script/bench rollback` does it with 500 people."""
    everybody_by_plan(crowded)
    done = await roll_back(crowded)
    assert done.transports == {"sse"}
    assert max(done.switched) < ON_SSE_WITHIN
    assert max(done.shown) < ON_SSE_WITHIN
    assert Path.ABLY not in done.late_ways


@pytest.mark.endurance
@pytest.mark.alone
async def test_an_outage_that_the_guard_measures_brings_everybody_back_for_good(crowded, ably, half):
    server, _ = ably
    async with measured(crowded, half, pace=0.5) as load:
        await eventually(lambda: half.sample() > PEOPLE)
        assert half.standing().state == "running"
        server.kill()
        await eventually(lambda: half.standing().percent < 50)
        if half.standing().state == "running":  # a stage down was proven first, and a new time of grace began
            half.grace_is_over()
        await eventually(lambda: half.standing().state == "rolled_back")
        server.start()
        await eventually(lambda: crowded.breaker()[0] == "closed")
        await load.delivered(5 * len(load.browsers))
        assert {one.page.lane for one in load.browsers} == {"live"}
    (*_, last) = half.events()
    assert (last["action"], last["who"], last["to_percent"]) == ("roll_back", "guard", 0)
    assert "Limite crítico ultrapassado" in last["reason"]
    assert gates(last)["failed"]["value"] > gates(last)["failed"]["control"]
    assert half.ask("SELECT FROM notificacao_notification WHERE title = 'Transição revertida automaticamente'")


@pytest.mark.endurance
async def test_every_tenth_request_that_is_not_answered_is_sent_again_and_nobody_is_taken_off_ably(
    crowded, way, everybody
):
    before = everybody.standing()
    way.cuts_off = Tenth()
    async with (
        pages(crowded, BY_SESSION) as browsers,
        on_ably(crowded.sites[-1], browsers, **IMPATIENT) as crowd,
        burst(crowded, browsers, pace=0.5) as load,
    ):
        await eventually(lambda: way.cuts_off.cut >= 5 and crowd.brought > 5 * PEOPLE)
        assert crowded.breaker()[0] == "closed"
        assert {one.page.lane for one in browsers} == {"standby"}
    await eventually(crowded.is_settled)  # what was cut off last is still to be sent again
    written = [row.id for row in load.rows if row.committed and row.expires_at is None]
    query = "SELECT FROM notificacao_notification WHERE dispatch_state = 'published' AND public_id = ANY(%s)"
    assert len(everybody.ask(query, written)) > 0.95 * len(written), "without a second try a tenth would not be there"
    assert everybody.standing().place == before.place


@pytest.mark.endurance
@pytest.mark.alone
async def test_an_ably_that_is_slower_than_sse_loses_the_people_of_its_last_stage(crowded, way, half):
    way.latency = 0.06  # each way: too slow for the goal, and not for the breaker
    async with measured(crowded, half, pace=1.0) as load:
        await eventually(lambda: half.standing().percent < 50)
        await load.delivered(5 * len(load.browsers))
    (*_, last) = half.events()
    assert (last["action"], last["who"], last["to_percent"]) == ("step_down", "guard", 25)
    assert "acima de 100 ms" in last["reason"]
