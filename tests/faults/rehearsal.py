"""A plan of the rollout that is under way while something breaks: what it says, what the guard did, who is on Ably."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import psycopg
from psycopg.rows import dict_row

from tests.faults.clients import Browser, new_http
from tests.faults.history import Path
from tests.faults.machines import Machines
from tests.waiting import PATIENCE

OUT_OF_USE = "Não é possível medir: o Ably está fora de uso"  # what a plan says meanwhile
_TOKEN = "c" * 32
_ACKNOWLEDGE_EVERY = 0.3  # seconds
_AT_ONCE = 200  # receipts


@dataclass(frozen=True)
class Standing:
    """Of the newest plan, with the flag's percent."""

    state: str
    position: int
    version: int
    percent: float
    reason: str

    @property
    def place(self) -> tuple[str, int, int, float]:
        """All but what the guard says at each look."""
        return self.state, self.position, self.version, self.percent


class Plan:
    """Of stages `percents`, under way in the stage `position`. `on_ably`: names."""

    def __init__(self, machines: Machines, percents: list[int], position: int):
        self._database = machines.database
        self.on_ably: list[str] = machines.producer.tell("plan", percents=percents, position=position)

    def ask(self, query: str, *values) -> list[dict]:
        with psycopg.connect(self._database, row_factory=dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def standing(self) -> Standing:
        (found,) = self.ask(
            "SELECT state, position, version, percent::float, reason FROM notificacao_rolloutplan, "
            "(SELECT percent FROM notificacao_rolloutflag) AS flag ORDER BY id DESC LIMIT 1"
        )
        return Standing(**found)

    def says(self, words: str) -> bool:
        return words in self.standing().reason

    def events(self) -> list[dict]:
        """What was done to the newest plan, oldest first."""
        return self.ask(
            "SELECT action, who, reason, figures, from_percent::float, to_percent::float FROM notificacao_rolloutevent "
            "WHERE plan_id = (SELECT max(id) FROM notificacao_rolloutplan) ORDER BY id"
        )

    def grace_is_over(self) -> None:
        """As if this stage had begun ten minutes earlier."""
        with psycopg.connect(self._database) as connection:
            stage = connection.execute(
                "UPDATE notificacao_rolloutplan SET since = since - interval '10 minutes' "
                "WHERE id = (SELECT max(id) FROM notificacao_rolloutplan) RETURNING id, position"
            ).fetchone()
            watched = "UPDATE notificacao_rolloutstage SET watched = 600 WHERE plan_id = %s AND position = %s"
            connection.execute(watched, stage)

    def sample(self) -> int:
        """How many notifications of Ably's people the guard has counted in this stage: none before its first look."""
        found = self.ask(
            "SELECT sample FROM notificacao_rolloutstage AS stage JOIN notificacao_rolloutplan AS plan "
            "ON plan.id = stage.plan_id AND plan.position = stage.position ORDER BY plan.id DESC LIMIT 1"
        )
        return found[0]["sample"] if found else 0


def gates(event: dict) -> dict[str, dict]:
    """What the guard had measured, by the gate's name."""
    return {gate["name"]: gate for gate in event["figures"]["gates"]}


@contextlib.asynccontextmanager
async def acknowledging(site: str, browsers: list[Browser]) -> AsyncIterator[None]:
    """Each page tells what came to it, by which transport, as pages do."""
    async with new_http(site, PATIENCE) as http:
        task = asyncio.create_task(_acknowledge(http, browsers))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _acknowledge(http: httpx.AsyncClient, browsers: list[Browser]) -> None:
    told = [0] * len(browsers)
    while True:
        for place, browser in enumerate(browsers):
            arrivals = browser.page.history.arrivals[told[place] :][:_AT_ONCE]
            if arrivals:
                await _tell(http, browser, arrivals)
                told[place] += len(arrivals)
        await asyncio.sleep(_ACKNOWLEDGE_EVERY)


async def _tell(http: httpx.AsyncClient, browser: Browser, arrivals: list) -> None:
    deliveries = [
        {
            "id": one.id,
            "transport": "ably" if one.path is Path.ABLY else "sse",
            "held_ms": int(1_000 * (time.time() - one.at)),
        }
        for one in arrivals
    ]
    cookies = f"sessionid={browser.person['session']}; csrftoken={_TOKEN}"
    answer = await http.post("/api/v1/receipts/", json=deliveries, headers={"Cookie": cookies, "X-CSRFToken": _TOKEN})
    answer.raise_for_status()
