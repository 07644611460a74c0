"""What is told of each emergency: how soon all was well again, how late it made what, and what it harmed."""

import statistics
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.proof.charts import number_of
from benchmarks.proof.judging import Line, Section, held_against, informs, never
from benchmarks.proof.loaded import Harm
from benchmarks.proof.scale import Scale
from notificacao.plan_goals import Goal
from tests.faults.machines import Trial, Wrong
from tests.faults.outage import Noticed
from tests.faults.rollback import RolledBack

_PROMPT = 1.0  # seconds from commit to the last page that shows it: from there on service counts as disturbed
ROLLED_BACK = Goal(name="Volta de todos ao SSE pela chave, com um comando", unit="s", baseline=None, goal=300)
NEXT_BY_SSE = Goal(name="Próxima notificação depois da falha do Ably", unit="s", baseline=None, goal=2, is_ours=True)
TAKEN_OVER = Goal(name="Recuperação", unit="s", baseline=None, goal=3, is_ours=True)
RESTARTED = Goal(name="Recuperação", unit="s", baseline=None, goal=30, is_ours=True)
NEVER = "Perdidas, repetidas, alheias ou fora de ordem em todas as falhas"
DEAD, SLOW = "Falha total do Ably", "Performance degradada: Ably 800 ms mais lento"
EXCHANGED = "Reinício de todos os processos (mesma versão), um a um"
FAULTS = (
    ("Despachante que conduz, morto", TAKEN_OVER),
    ("Redis fora", TAKEN_OVER),
    ("Processo web morto", RESTARTED),
    ("Despachante que conduz, congelado", TAKEN_OVER),
    ("PostgreSQL parado e iniciado", RESTARTED),
    (EXCHANGED, None),
)
IN_QUICK = 3  # of them, the first
_CHECKED = "páginas com as regras da própria página; históricos comparados com o banco por tests/faults/history.py"
_IN_FULL_ONLY = "não medida: só na prova completa"
_NOT_REACHED = "não medida: a seção parou antes"


@dataclass
class Breakage:
    """Something that breaks under load; `begin` returns once it is broken, `mend` once it is whole.

    Without a `goal` it is an exchange, which `begin` does as a whole. `since`, `whole` and `until` are moments of the
    monotonic clock: it begins to break, it is whole again, and so much has come to the pages since.
    """

    name: str
    goal: Goal | None
    begin: Callable[[], Awaitable[None]]
    mend: Callable[[], Awaitable[None]]
    since: float = 0.0
    whole: float = 0.0
    until: float = 0.0


@dataclass
class Told:
    """What the scenes found, as far as they came; None where the scale leaves one out, or it did not come to it."""

    dead: Noticed | None = None
    slow: Noticed | None = None
    back: RolledBack | None = None
    lines: dict[str, Line] = field(default_factory=dict)  # of each fault, by its name
    shown: int = 0


def lines_of(told: Told, scale: Scale) -> list[Line]:
    """Return a line, or more, on every emergency; what was not measured says why."""
    beyond = _NOT_REACHED if scale.every_fault else _IN_FULL_ONLY
    lines = [*_of_ably(DEAD, told.dead, _NOT_REACHED), *_of_ably(SLOW, told.slow, beyond)]
    for place, (name, goal) in enumerate(FAULTS):
        why = _NOT_REACHED if place < IN_QUICK else beyond
        lines.append(told.lines.get(name) or _unmeasured(_quantity(name, goal), goal, why))
    return [*lines, _of_the_flag(told.back)]


def told_by(error: BaseException) -> tuple[Harm, str]:
    """Return the harm that checkers of histories found, all of it, and whatever else went wrong, in words.

    A group is looked through: `pages` raises one. A wait that was too long is no harm.
    """
    leaves = [*_leaves(error)]
    harm = Harm.of(fault for leaf in leaves if isinstance(leaf, Wrong) for fault in leaf.faults)
    others = [_in_words(leaf) for leaf in leaves if not isinstance(leaf, Wrong)]
    return harm, " · ".join(others)[:500]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def _in_words(error: BaseException) -> str:
    if said := str(error):
        return f"{type(error).__name__}: {said}"
    (*_, last) = traceback.extract_tb(error.__traceback__) or [None]
    where = f"{Path(last.filename).name}, linha {last.lineno}: {last.line}" if last else "lugar desconhecido"
    return f"{type(error).__name__} sem mensagem ({where})"


def line_of_harm(section: Section, shown: int) -> Line:
    """Return the line on what must never happen; where the section did not come to its end it is not met."""
    if section.harm.any:
        return never(NEVER, section.harm.all, samples=shown, how=" · ".join([_CHECKED, *section.harm.examples]))
    if section.error or not shown:
        how = f"a seção não chegou ao fim: nada foi achado até ali, o que não prova as outras falhas; {_CHECKED}"
        return informs(NEVER, "vezes", None, samples=0, how=how)
    return never(NEVER, 0, samples=shown, how=_CHECKED)


def _quantity(name: str, goal: Goal | None) -> str:
    """Return the name with what is measured of it."""
    return f"{name}: " + ("duração da troca inteira" if goal is None else "da falha até a última notificação atrasada")


def _unmeasured(what: str, goal: Goal | None, why: str) -> Line:
    if goal is None:
        return informs(what, "s", None, samples=0, how=why)
    return held_against(goal, None, what=what, samples=0, how=why)


def recovery_of(load: Trial, fault: Breakage) -> Line:
    """Return from the fault until the last row that somebody got late was there; each row counts from its commit.

    Of an exchange it is how long that took as a whole. Where no row was written meanwhile nothing was measured.
    """
    late, longest, refused = disturbed(load, fault.since, fault.until)
    return line_of_recovery(
        fault,
        rows=sum(fault.since < row.ended < fault.until for row in load.rows),
        recovery=late - fault.since,
        longest=longest,
        refused=refused,
    )


def line_of_recovery(fault: Breakage, *, rows: int, recovery: float, longest: float, refused: int) -> Line:
    """Return the line on one fault that happened once; `recovery` is 0 where no row was late."""
    what, prompt = _quantity(fault.name, fault.goal), number_of(_PROMPT)
    if not rows:
        return _unmeasured(what, fault.goal, "não medida: nada foi gravado durante a falha")
    away = fault.whole - fault.since
    seen = f"maior atraso {number_of(longest)} s · {refused} gravações sem confirmação"
    late = f"atrasada: vista por alguém mais de {prompt} s depois de gravada, ou sem confirmação; {_CHECKED}"
    none_late = f"≤ {prompt} s: nenhuma notificação atrasada"
    if fault.goal is None:
        last = f"última notificação atrasada {number_of(recovery)} s depois do início" if recovery else none_late
        spread = f"1 troca, {rows} linhas · {last} · {seen}"
        how = (
            "do primeiro processo terminado até o último pronto, com a mesma versão: não é a volta à versão anterior "
            f"(«Rollback Completo» do plano, até 30 minutos), que aqui não se mede; {late}"
        )
        return informs(what, "s", away, samples=1, how=how, spread=spread)
    once = f"1 falha, fora por {number_of(away)} s, {rows} linhas · {seen}"
    spread = once if recovery else f"{none_late} · {once}"
    line = held_against(fault.goal, recovery or _PROMPT, what=what, samples=1, how=late, spread=spread)
    return replace(line, at_most=not recovery)


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


def _of_ably(name: str, noticed: Noticed | None, why: str) -> list[Line]:
    """Return the lines on one absence of Ably; `why` it was not measured is said where it is None."""
    first_row = f"{name}: atraso da primeira notificação gravada durante a falha"
    longest = f"{name}: maior atraso além do SSE, de tudo o que foi gravado durante a falha"
    back = f"{name}: volta ao Ably"
    if noticed is None:
        nothing = (informs(what, "s", None, samples=0, how=why) for what in (longest, back))
        return [_unmeasured(first_row, NEXT_BY_SSE, why), *nothing]
    told = (
        "de gravada até vista, na página que mais esperou; "
        f"disjuntor abriu sozinho em {number_of(noticed.opened_after)} s; {noticed.shown} mostradas ao todo; {_CHECKED}"
    )
    spread = f"1 falha, fora por {number_of(noticed.away)} s, {noticed.rows} linhas"
    if noticed.first:
        spread += f" · {len(noticed.first)} de {noticed.on_ably} páginas: {_seconds(noticed.first)}"
    return [
        held_against(
            NEXT_BY_SSE,
            max(noticed.first, default=None),
            what=first_row,
            samples=1 if noticed.first else 0,
            how=told,
            spread=spread,
        ),
        informs(
            longest,
            "s",
            max(noticed.behind, default=None),
            samples=len(noticed.behind),
            how="na página no Ably depois de na página em SSE da mesma pessoa; a primeira notificação é só uma delas",
            spread=_seconds(noticed.behind) if noticed.behind else "",
        ),
        informs(
            back,
            "s",
            noticed.back_after,
            samples=0 if noticed.back_after is None else 1,
            how=_NOT_REACHED
            if noticed.back_after is None
            else "do fim do conserto até todos os processos usarem o Ably e a ligação de cada página estar aberta",
            spread="" if noticed.back_after is None else f"volta ao Ably: {number_of(noticed.back_after)} s",
        ),
    ]


def _of_the_flag(back: RolledBack | None) -> Line:
    if back is None:
        return _unmeasured(ROLLED_BACK.name, ROLLED_BACK, _NOT_REACHED)
    how = (
        "manage.py rollout rollback, do início do comando até o fluxo SSE da última página estar aberto; é ao mesmo "
        f"tempo a reversão rápida e o desligamento imediato do plano: uma só medição; {_CHECKED}"
    )
    spread = (
        f"1 comando, {len(back.ordered)} páginas: {_seconds(back.ordered)} · da gravação: {_seconds(back.switched)}"
    )
    return held_against(ROLLED_BACK, max(back.ordered), samples=1, how=how, spread=spread)


def _seconds(found: Sequence[float]) -> str:
    return f"mediana {number_of(statistics.median(found))} · máx {number_of(max(found))} s"
