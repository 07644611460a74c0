"""Ably goes away in the middle of a burst and comes back: what those who are on it notice."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.faults.clients import Browser, new_http
from tests.faults.crowd import on_ably
from tests.faults.history import Path
from tests.faults.machines import Machines, Trial, burst, pages
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.waiting import PATIENCE, eventually

Act = Callable[[], Awaitable[None]]

_LOOK_EVERY = 0.1  # seconds
_ARRIVALS = 10  # a page, before and while Ably is away

# Tests have many outages, and nobody waits in each of them for what the product's own timers take.
HURRIED = {"ABLY_PUBLISH_TIMEOUT": "2", "BREAKER_COOLDOWN": "1", "CANARY_EVERY": "2", "STREAM_HEARTBEAT": "1.5"}

WITHIN = 10.0  # seconds that Ably's absence may cost a row on a busy machine; `script/bench outage` has the figures


@dataclass(frozen=True)
class Noticed:
    """`paths`, and these in seconds, are of pages on Ably. `first`: from the commit of the first row that was written
    while Ably was away until it was shown; `behind`, `behind_after`: by how much the rows that were written while it
    was away, and since then, came later than to the same person's page in the live lane. `back_after`: from the end of
    the mending until every process used Ably again and every page's link was attached; None: it did not come to that.
    """

    streams: int
    on_ably: int
    rows: int
    shown: int
    paths: Counter[Path]
    opened_after: float
    reason: str
    away: float
    first: list[float]
    behind: list[float]
    behind_after: list[float]
    back_after: float | None


def machines_on_ably(
    postgres: PostgresServer,
    redis: RedisServer,
    key: str,
    port: int,
    *,
    people: int,
    live: int,
    timers: Mapping[str, str] = HURRIED,
    **settings,
) -> Machines:
    """`people` with `live` streams each, and one beside Ably, which is found at `port`."""
    ably = {
        "ABLY_API_KEY": key,
        "ABLY_PORT": str(port),
        "STREAMS_PER_PERSON": str(live + 1),
        "STREAMS_PER_ADDRESS": "20000",
    }
    return Machines(postgres, redis, size=people, **{**timers, **ably, **settings})


class Tenth:
    """True of every tenth request that publishes; `cut`: of how many it was."""

    def __init__(self) -> None:
        self._seen = 0

    @property
    def cut(self) -> int:
        return self._seen // 10

    def __call__(self, piece: bytes) -> bool:
        publishes = piece.startswith(b"POST")
        self._seen += publishes
        return publishes and self._seen % 10 == 0


class Outage:
    """`live` pages of each person in the live lane beside the one on Ably; `environment` is that of the links.

    `noticed` is of the last outage that was mended, also where `of` raised an error after that.
    """

    noticed: Noticed | None = None

    def __init__(self, machines: Machines, live: int, **environment: str):
        self._machines = machines
        self._lanes = (lambda: "standby", *(lambda: "live",) * live)
        self._environment = environment

    async def of(self, break_it: Act, mend_it: Act) -> Noticed:
        """Nothing is lost, doubled or out of order: `pages` raises a group with Wrong in it where it is."""
        machines, self.noticed = self._machines, None
        await self._in_use()
        await eventually(machines.is_settled)  # what an outage before this one held up
        async with pages(machines, self._lanes) as browsers:
            mine = browsers[:: len(self._lanes)]
            back_after = mended_at = None
            try:
                async with (
                    on_ably(machines.sites[-1], mine, **self._environment) as crowd,
                    burst(machines, browsers, pace=0.5) as load,
                ):
                    await load.delivered(_ARRIVALS * len(browsers))
                    broken_at = time.monotonic()
                    await break_it()
                    await eventually(lambda: machines.breaker()[0] == "open", every=_LOOK_EVERY)
                    opened_at, reason = time.monotonic(), machines.breaker()[1]
                    await load.delivered(_ARRIVALS * len(browsers))
                    mended_at = time.monotonic()
                    await mend_it()
                    whole_at = time.monotonic()
                    await self._in_use()
                    await eventually(lambda: crowd.attached, every=_LOOK_EVERY)
                    back_after = time.monotonic() - whole_at
                    brought = crowd.brought
                    await eventually(lambda: crowd.brought >= brought + len(mine), every=_LOOK_EVERY)
            finally:
                if mended_at is not None:
                    self.noticed = self._noticed(load, (broken_at, opened_at, mended_at), reason, back_after)
        assert self.noticed is not None
        return self.noticed

    def _noticed(
        self, load: Trial, moments: tuple[float, float, float], reason: str, back_after: float | None
    ) -> Noticed:
        broken_at, opened_at, mended_at = moments
        mine, beside = (load.browsers[place :: len(self._lanes)] for place in (0, 1))
        return Noticed(
            streams=len(load.browsers),
            on_ably=len(mine),
            rows=len(load.rows),
            shown=load.shown,
            paths=Counter(arrival.path for one in mine for arrival in one.page.history.arrivals if arrival.shown),
            opened_after=opened_at - broken_at,
            reason=reason,
            away=mended_at - broken_at,
            first=first_shown(load, mine, broken_at, mended_at),
            behind=_behind(load, mine, beside, broken_at, mended_at),
            behind_after=_behind(load, mine, beside, mended_at, float("inf")),
            back_after=back_after,
        )

    async def _in_use(self) -> None:
        """Once Ably is, as every process sees it."""
        async with new_http(timeout=PATIENCE) as http:

            async def everywhere():
                return all([(await http.get(f"{site}/health/ably")).is_success for site in self._machines.sites])

            await eventually(everywhere, every=_LOOK_EVERY)


def _shown_at(browser: Browser) -> dict[str, float]:
    return {arrival.event_id: arrival.at for arrival in browser.page.history.arrivals if arrival.shown}


def first_shown(load: Trial, mine: list[Browser], since: float, until: float) -> list[float]:
    """Of each page the first row that was begun after `since` and committed before `until`: commit → shown."""
    since_the_epoch = time.time() - time.monotonic()
    meanwhile = sorted((row for row in load.rows if since < row.began and row.ended < until), key=lambda row: row.ended)
    firsts = []
    for came in map(_shown_at, mine):
        row = next((row for row in meanwhile if row.event_id in came), None)
        if row is not None:
            firsts.append(came[row.event_id] - since_the_epoch - row.ended)
    return firsts


def _behind(load: Trial, mine: list[Browser], beside: list[Browser], since: float, until: float) -> list[float]:
    """A machine that is busy holds up both pages: what is left is the lane's."""
    written = [row.event_id for row in load.rows if since < row.began and row.ended < until]
    both = [(_shown_at(one), _shown_at(other)) for one, other in zip(mine, beside, strict=True)]
    return [here[row] - there[row] for here, there in both for row in written if row in here and row in there]
