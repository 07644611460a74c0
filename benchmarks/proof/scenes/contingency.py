"""Each emergency of the contingency plan, and each process that may fail: how soon all is well again, and nothing lost.

Pages here follow the rules of the page itself (`tests/faults/page.py`): they come back, catch up and show once. They
and the servers wait as long as the product does, not as short as in the tests.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from benchmarks.proof.charts import number_of
from benchmarks.proof.judging import Section
from benchmarks.proof.scale import Scale
from benchmarks.proof.scenes.recovery import (
    FAULTS,
    IN_QUICK,
    Breakage,
    Told,
    line_of_harm,
    lines_of,
    recovery_of,
    told_by,
)
from tests.faults.clients import AS_BROWSERS
from tests.faults.crowd import on_ably
from tests.faults.machines import Machines, Trial, burst, pages
from tests.faults.outage import Outage, machines_on_ably
from tests.faults.proxy import Proxy
from tests.faults.rollback import RolledBack, everybody_by_plan, roll_back
from tests.live.ably_server import AblyServer
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.waiting import eventually

_PACE = 0.5  # seconds between two acts of a producer's thread
_OUT_FOR = 5.0  # seconds that a fault lasts at least: what is mended at once recovers by that alone
_BETWEEN = 3.0  # seconds from a fault to the next: what was just written comes before that, and is not late by it
_LATE_BY = 0.4  # seconds that a slow Ably adds, each way
# The product's own where Machines would have another one: semtas/settings.py. All that is not named is the product's.
OWN_TIMERS = {"STREAM_HEARTBEAT": "15"}


def run(scale: Scale) -> Section:
    """Break one thing after another. A history that is wrong makes the section red, and what was measured stays."""
    section = Section("Plano de contingência: cada falha e o tempo até voltar ao normal", about(scale))
    told = Told()
    with (
        PostgresServer() as postgres,
        RedisServer() as redis,
        AblyServer() as ably,
        Proxy(ably.port) as way,
        machines_on_ably(
            postgres,
            redis,
            ably.key,
            way.port,
            people=scale.fault_people,
            live=1,
            timers=OWN_TIMERS,
            patience=AS_BROWSERS,
            RATE_CALLS="1000",
        ) as machines,
    ):
        try:
            asyncio.run(_all(machines, ably, way, scale, told))
        except Exception as error:  # the section says so, and is red
            section.harm, section.error = told_by(error)
    section.harm.checked = section.harm.by_one_path = told.shown
    section.lines = [*lines_of(told, scale), line_of_harm(section, told.shown)]
    return section


def about(scale: Scale) -> str:
    """Return what the section says of how it was done, and of how that differs from production."""
    return (
        "Dois processos web, dois despachantes, PostgreSQL (com fsync), Redis e servidor Ably reais; "
        f"{scale.fault_people} pessoas, cada uma com uma página no Ably e uma em SSE, sob carga contínua. "
        "Tempos de espera do próprio produto: disjuntor 5 s, canário 15 s, sinal de vida 15 s, "
        "publicação no Ably até 5 s, nova tentativa do SDK de 15 a 30 s, da página até 30 s. Diferente da produção: "
        "uma só máquina; sem nginx (cada página escolhe ao acaso um dos dois processos web, também o que está fora); "
        "o que foi morto é iniciado de novo pela própria prova, não por um supervisor, e as falhas são curtas: o tempo "
        f"fora está em cada linha, ao menos {number_of(_OUT_FOR)} s nas falhas que não são do Ably; "
        "o limite de chamadas da API (RATE_CALLS) é maior. "
        "Cada falha aconteceu uma vez: os tempos são de uma ocorrência, sem estatística."
    )


async def _all(machines: Machines, ably: AblyServer, way: Proxy, scale: Scale, told: Told) -> None:
    outage = Outage(machines, 1)
    everybody_by_plan(machines)
    try:
        await outage.of(_in_thread(ably.kill), _in_thread(ably.start))
    finally:
        told.dead = outage.noticed
        told.shown += told.dead.shown if told.dead else 0
    if scale.every_fault:
        try:
            await outage.of(_slow(way, _LATE_BY), _slow(way, 0))
        finally:
            told.slow = outage.noticed
            told.shown += told.slow.shown if told.slow else 0
    await _break_each(machines, scale, told)
    await eventually(lambda: machines.breaker()[0] == "closed")

    def keep(done: RolledBack) -> None:
        told.back = done
        told.shown += done.deliveries

    await roll_back(machines, pace=_PACE, keep=keep)


async def _break_each(machines: Machines, scale: Scale, told: Told) -> None:
    """Break what the scale asks for; what was gone through is told, whatever became of the rest."""
    faults: list[Breakage] = []
    lanes = (lambda: "standby", lambda: "live")
    load: Trial | None = None
    async with pages(machines, lanes) as browsers:
        try:
            async with (
                on_ably(machines.sites[-1], browsers[:: len(lanes)]),
                burst(machines, browsers, pace=_PACE) as load,
            ):
                await load.delivered(len(browsers))
                faults = _faults(load)[: None if scale.every_fault else IN_QUICK]
                for fault in faults:
                    await _go_through(load, fault)
        finally:
            if load:
                told.shown += load.shown
                told.lines = {fault.name: recovery_of(load, fault) for fault in faults if fault.until}


def _slow(way: Proxy, seconds: float) -> Callable[[], Awaitable[None]]:
    async def set_it() -> None:
        way.latency = seconds

    return set_it


def _in_thread(act: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    async def do() -> None:
        await asyncio.to_thread(act)

    return do


def _faults(load: Trial) -> list[Breakage]:
    """Return what breaks, in the order of FAULTS."""
    machines = load.machines
    leader: list = []

    def break_leader(how: str):
        async def begin() -> None:
            leader[:] = [await load.leader()]
            await asyncio.to_thread(getattr(leader[0], how))

        return begin

    async def restart_leader() -> None:
        await asyncio.to_thread(leader[0].start)

    async def thaw_leader() -> None:
        leader[0].thaw()

    async def replace_all() -> None:
        for process in (*machines.dispatchers, *machines.webs):
            await asyncio.to_thread(process.terminate)
            await asyncio.to_thread(process.start)

    async def nothing() -> None:
        """Everything runs again already."""

    postgres, redis, web = machines.postgres, machines.redis, machines.webs[1]
    acts = (
        (break_leader("kill"), restart_leader),
        (_in_thread(redis.kill), _in_thread(redis.start)),
        (_in_thread(web.kill), _in_thread(web.start)),
        (break_leader("freeze"), thaw_leader),
        (_in_thread(postgres.stop), _in_thread(postgres.start)),
        (replace_all, nothing),
    )
    return [Breakage(name, goal, *both) for (name, goal), both in zip(FAULTS, acts, strict=True)]


async def _go_through(load: Trial, fault: Breakage) -> None:
    await load.leader()  # whoever was frozen knows by now that another leads
    fault.since = time.monotonic()
    await fault.begin()
    if fault.goal is None:
        fault.whole = time.monotonic()
    else:
        await asyncio.sleep(max(0.0, fault.since + _OUT_FOR - time.monotonic()))
    if load.machines.postgres.running:
        await load.delivered(2 * len(load.browsers))
    await fault.mend()
    fault.whole = fault.whole or time.monotonic()
    await load.delivered(3 * len(load.browsers))
    await load.heard()  # a page that waits before it comes back is still of this fault, not of the next one
    fault.until = time.monotonic()
    await asyncio.sleep(_BETWEEN)
