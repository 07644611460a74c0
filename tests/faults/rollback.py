"""The quick rollback: everybody is on Ably, a plan is under way, and one command brings them back to SSE."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psycopg

from tests.faults.clients import Browser
from tests.faults.crowd import Crowd, on_ably
from tests.faults.history import Path
from tests.faults.machines import BY_SESSION, Machines, Trial, burst, pages
from tests.faults.outage import first_shown
from tests.faults.rehearsal import Plan
from tests.waiting import PATIENCE, eventually

NOTHING_MORE_AFTER = 1.0  # seconds until nothing goes to Ably any more


@dataclass(frozen=True)
class RolledBack:
    """In seconds, of each page: `ordered`, from the start of the command until its live stream was there; `switched`,
    from the rollback's commit until then; `shown`, from the commit of the first row that was begun since until it was
    shown. `late_ways`: by which paths came what was begun more than a second after the rollback. `deliveries` is how
    many rows all pages showed, all together.
    """

    rows: int
    deliveries: int
    ordered: list[float]
    switched: list[float]
    shown: list[float]
    late_ways: set[Path]
    transports: set[str]


def everybody_by_plan(machines: Machines) -> None:
    """All people on Ably, by a plan in its last stage."""
    Plan(machines, [100], 1)


async def roll_back(
    machines: Machines,
    *,
    pace: float = 0.5,
    look: Callable[[Crowd], None] = lambda crowd: None,
    keep: Callable[[RolledBack], None] = lambda done: None,
) -> RolledBack:
    """Nothing is lost, doubled or out of order: `pages` raises a group with Wrong in it where it is.

    `look` is called in the load on Ably, before the command, after its commit, and once every live stream is there.
    `keep` is called with what is returned, also where something turns out to be wrong after all was measured.
    """
    await eventually(lambda: machines.breaker()[0] == "closed")
    transports: set[str] = set()
    try:
        async with (
            pages(machines, BY_SESSION) as browsers,
            on_ably(machines.sites[-1], browsers) as crowd,
            burst(machines, browsers, pace=pace) as load,
        ):
            await eventually(lambda: crowd.brought >= 2 * len(browsers), every=0.1)
            look(crowd)
            await eventually(lambda: crowd.brought >= 4 * len(browsers), every=0.1)
            look(crowd)
            assert {browser.page.lane for browser in browsers} == {"standby"}
            for browser in browsers:
                browser.live_at = None
            ordered_at = time.monotonic()
            words = ("rollout", "rollback", "--reason", "Ably lento")
            command = asyncio.create_task(asyncio.to_thread(machines.webs[1].manage, *words))
            await eventually(lambda: command.done() or _rolled_back_at(machines.database), every=0.05)
            look(crowd)
            back_at = _rolled_back_at(machines.database)
            assert back_at, await command
            await eventually(lambda: all(browser.live_at for browser in browsers), every=0.05)
            look(crowd)
            await command
            await load.delivered(2 * len(browsers))
            transports = await _transports(machines, browsers)
    finally:
        if transports:
            done = _rolled_back(load, ordered_at, back_at, transports)
            keep(done)
    return done


def _rolled_back(load: Trial, ordered_at: float, back_at: float, transports: set[str]) -> RolledBack:
    browsers = load.browsers
    late = {row.event_id for row in load.rows if row.began > back_at + NOTHING_MORE_AFTER}
    arrivals = (arrival for one in browsers for arrival in one.page.history.arrivals)
    return RolledBack(
        rows=len(load.rows),
        deliveries=load.shown,
        ordered=[browser.live_at - ordered_at for browser in browsers],
        switched=[browser.live_at - back_at for browser in browsers],
        shown=first_shown(load, browsers, back_at, float("inf")),
        late_ways={arrival.path for arrival in arrivals if arrival.event_id in late},
        transports=transports,
    )


def _rolled_back_at(database: str) -> float | None:
    """By the monotonic clock, which the producer's rows are timed by. None: not yet."""
    with psycopg.connect(database) as connection:
        query = (
            "SELECT at FROM notificacao_rolloutevent WHERE action = 'roll_back' "
            "AND plan_id = (SELECT max(id) FROM notificacao_rolloutplan)"
        )
        event = connection.execute(query).fetchone()
    return event and event[0].timestamp() - time.time() + time.monotonic()


async def _transports(machines: Machines, browsers: list[Browser]) -> set[str]:
    """What the session tells some of the pages."""
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        sessions = [one.person["session"] for one in browsers[:10]]
        answers = [
            await http.get(f"{machines.sites[0]}/api/v1/session/", headers={"Cookie": f"sessionid={session}"})
            for session in sessions
        ]
    return {answer.json()["transport"] for answer in answers}
