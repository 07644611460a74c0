"""Each emergency of the contingency plan, and each process that may fail: how soon all is well again, and nothing lost.

Pages here follow the rules of the page itself (`tests/faults/page.py`): they come back, catch up and show once.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.proof.charts import number_of
from benchmarks.proof.judging import Line, Section, held_against, informs, never
from benchmarks.proof.load import Harm
from benchmarks.proof.scale import Scale
from notificacao.plan_goals import Goal
from tests.faults.crowd import IMPATIENT
from tests.faults.history import Fault
from tests.faults.machines import Machines, Trial, burst, pages
from tests.faults.outage import Noticed, Outage, machines_on_ably
from tests.faults.proxy import Proxy
from tests.faults.rollback import RolledBack, everybody_by_plan, roll_back
from tests.live.ably_server import AblyServer
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.waiting import eventually

_FAULTS = re.compile(r"\d+ faults:\n")
_PACE = 0.5  # seconds between two acts of a producer's thread
_PROMPT = 1.0  # seconds from commit to the last page that shows it: from there on service counts as disturbed
_LATE_BY = 0.4  # seconds that a slow Ably adds, each way
ROLLED_BACK = Goal(name="Reversão rápida pela chave", unit="s", baseline=None, goal=300)
SECURE = Goal(name="Desligamento imediato pela chave", unit="s", baseline=None, goal=5)
WHOLE = Goal(name="Reversão completa: todos os processos trocados, um a um", unit="s", baseline=None, goal=1_800)
NEXT_BY_SSE = Goal(name="Próxima notificação depois da falha do Ably", unit="s", baseline=None, goal=2)
TAKEN_OVER = Goal(name="Recuperação", unit="s", baseline=None, goal=3)
RESTARTED = Goal(name="Recuperação", unit="s", baseline=None, goal=30)
_CHECKED = "páginas com as regras da própria página; históricos comparados com o banco por tests/faults/history.py"


@dataclass
class Breakage:
    """Something that breaks under load; `begin` returns once it is broken, `mend` once it is whole."""

    name: str
    goal: Goal
    begin: Callable[[], Awaitable[None]]
    mend: Callable[[], Awaitable[None]]
    since: float = 0.0
    until: float = 0.0


@dataclass
class Told:
    """What the scenes with Ably found; None where the scale leaves one out."""

    dead: Noticed | None = None
    slow: Noticed | None = None
    back: RolledBack | None = None
    lines: list[Line] = field(default_factory=list)
    shown: int = 0


def run(scale: Scale) -> Section:
    """Break one thing after another. A history that is wrong makes the section red."""
    section = Section(
        "Plano de contingência: cada falha e o tempo até voltar ao normal",
        "Dois processos web, dois despachantes, PostgreSQL, Redis e servidor Ably reais; "
        f"{scale.fault_people} pessoas, cada uma com uma página no Ably e uma em SSE, sob carga contínua.",
    )
    told = Told()
    with (
        PostgresServer(fsync=False) as postgres,
        RedisServer() as redis,
        AblyServer() as ably,
        Proxy(ably.port) as way,
        machines_on_ably(
            postgres, redis, ably.key, way.port, people=scale.fault_people, live=1, RATE_CALLS="1000"
        ) as machines,
    ):
        try:
            asyncio.run(_all(machines, ably, way, scale, told))
        except AssertionError as error:
            section.harm = harm_in(str(error))
            section.error = "" if section.harm.any else str(error)[:500]
    section.lines = [*_of_ably(told, scale), *told.lines]
    section.lines.append(
        never("Perdidas, repetidas, alheias ou fora de ordem em todas as falhas", section.harm.all,
              samples=told.shown, how=" · ".join([_CHECKED, *section.harm.examples]))
    )  # fmt: skip
    return section


def harm_in(said: str) -> Harm:
    """Return what the checker of histories found, a line a fault as `tests/faults/machines.py` raises it.

    It says nothing where something came after all was quiet. Whatever else is said is no harm: a wait was too long.
    """
    if not said:
        return Harm(twice=1, examples=["algo veio depois de tudo estar quieto"])
    if not _FAULTS.match(said):
        return Harm()
    lines = [line.split(": ", 2) for line in said.splitlines()[1:]]
    return Harm.of(Fault(*parts) for parts in lines if len(parts) == 3)


async def _all(machines: Machines, ably: AblyServer, way: Proxy, scale: Scale, told: Told) -> None:
    outage = Outage(machines, 1, **IMPATIENT)
    everybody_by_plan(machines)
    told.dead = await outage.of(_in_thread(ably.kill), _in_thread(ably.start))
    told.shown += told.dead.shown
    if scale.every_fault:
        told.slow = await outage.of(_slow(way, _LATE_BY), _slow(way, 0))
        told.shown += told.slow.shown
    async with _trial(machines) as (load, faults):
        for fault in faults if scale.every_fault else faults[:3]:
            await _go_through(load, fault)
    done = [fault for fault in faults if fault.until]
    told.lines = [_recovery(load, fault) for fault in done]
    told.shown += load.arrivals
    await eventually(lambda: machines.breaker()[0] == "closed")
    told.back = await roll_back(machines, pace=_PACE)
    told.shown += told.back.rows


def _slow(way: Proxy, seconds: float) -> Callable[[], Awaitable[None]]:
    async def set_it() -> None:
        way.latency = seconds

    return set_it


def _in_thread(act: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    async def do() -> None:
        await asyncio.to_thread(act)

    return do


@asynccontextmanager
async def _trial(machines: Machines) -> AsyncIterator[tuple[Trial, list[Breakage]]]:
    lanes = (lambda: "standby", lambda: "live")
    async with pages(machines, lanes) as browsers, burst(machines, browsers, pace=_PACE) as load:
        await load.delivered(len(browsers))
        yield load, _faults(load)


def _faults(load: Trial) -> list[Breakage]:
    """Return the faults; the first three are those of a quick proof."""
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
    return [
        Breakage("Despachante que conduz, morto", TAKEN_OVER, break_leader("kill"), restart_leader),
        Breakage("Redis fora", TAKEN_OVER, _in_thread(redis.kill), _in_thread(redis.start)),
        Breakage("Processo web morto", RESTARTED, _in_thread(web.kill), _in_thread(web.start)),
        Breakage("Despachante que conduz, congelado", TAKEN_OVER, break_leader("freeze"), thaw_leader),
        Breakage("PostgreSQL parado e iniciado", RESTARTED, _in_thread(postgres.stop), _in_thread(postgres.start)),
        Breakage(WHOLE.name, WHOLE, replace_all, nothing),
    ]


async def _go_through(load: Trial, fault: Breakage) -> None:
    fault.since = time.monotonic()
    await fault.begin()
    if load.machines.postgres.running:
        await load.delivered(2 * len(load.browsers))
    await fault.mend()
    await load.delivered(3 * len(load.browsers))
    fault.until = time.monotonic()


def _recovery(load: Trial, fault: Breakage) -> Line:
    """Return from the fault until the last row that somebody got late was there; each row counts from its commit."""
    late, longest, refused = disturbed(load, fault.since, fault.until)
    recovery = max(0.0, late - fault.since)
    spread = f"maior atraso {number_of(longest)} s · {refused} gravações recusadas com erro claro"
    told = (
        f"da falha até a última notificação que alguém viu mais de {number_of(_PROMPT)} s depois de gravada; {_CHECKED}"
    )
    count = sum(fault.since < row.began < fault.until for row in load.rows)
    return held_against(fault.goal, recovery, what=fault.name, samples=count, how=told, spread=spread)


def disturbed(load: Trial, since: float, until: float) -> tuple[float, float, int]:
    """Return when the last late row was there, how late the latest was, and how many rows were refused.

    Moments are of the monotonic clock; where nothing was late the first is `since`.
    """
    from_epoch = time.time() - time.monotonic()
    last_shown: dict[str, float] = {}
    for browser in load.browsers:
        for arrival in browser.page.history.arrivals if browser.page else ():
            if arrival.shown:
                shown_at = arrival.at - from_epoch
                last_shown[arrival.event_id] = max(shown_at, last_shown.get(arrival.event_id, shown_at))
    back, longest, refused = since, 0.0, 0
    for row in load.rows:
        if not since < row.ended < until:
            continue
        if row.committed is None:
            refused += 1
            back = max(back, row.ended)
        elif row.committed and row.expires_at is None and row.event_id in last_shown:
            delay = last_shown[row.event_id] - row.ended
            longest = max(longest, delay)
            if delay > _PROMPT:
                back = max(back, last_shown[row.event_id])
    return back, longest, refused


def _of_ably(told: Told, scale: Scale) -> list[Line]:
    lines = []
    for name, noticed in (
        ("Falha total do Ably", told.dead),
        ("Performance degradada: Ably 800 ms mais lento", told.slow),
    ):
        if noticed is None:
            how = "só na prova completa" if not scale.every_fault and name[0] == "P" else "não chegou ao fim"
            lines.append(informs(name, "s", None, samples=0, how=how))
            continue
        lines.append(_outage_line(name, noticed))
    if told.back is None:
        return [*lines, informs(ROLLED_BACK.name, "s", None, samples=0, how="não chegou ao fim")]
    switched = told.back.switched
    how = f"manage.py rollout rollback; da gravação até o fluxo SSE de cada página estar aberto; {_CHECKED}"
    return [
        *lines,
        *(
            held_against(goal, max(switched), samples=len(switched), how=how, spread=_seconds(switched))
            for goal in (ROLLED_BACK, SECURE)
        ),
    ]


def _outage_line(name: str, noticed: Noticed) -> Line:
    extra = max(noticed.behind, default=0.0)
    told = (
        f"disjuntor abriu sozinho em {number_of(noticed.opened_after)} s; fora por {number_of(noticed.away)} s; "
        f"{noticed.rows} notificações, {noticed.shown} mostradas; atraso a mais que em SSE, no pior caso: "
        f"{number_of(extra)} s; {_CHECKED}"
    )
    first = noticed.first
    return held_against(
        NEXT_BY_SSE, max(first, default=None), what=name, samples=len(first), how=told, spread=_seconds(first)
    )


def _seconds(found: Sequence[float]) -> str:
    if not found:
        return ""
    ordered = sorted(found)
    return f"mediana {number_of(ordered[len(ordered) // 2])} · máx {number_of(ordered[-1])} s"
