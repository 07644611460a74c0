"""Five hundred notifications a second, and what memory does meanwhile; the soak is the same at the plan's peak."""

from dataclasses import replace
from functools import partial

from benchmarks.proof.charts import chart, number_of
from benchmarks.proof.clients import Clients
from benchmarks.proof.judging import Line, Section, Verdict, held_against, informs
from benchmarks.proof.load import put
from benchmarks.proof.loaded import Asked, Loaded, quantile
from benchmarks.proof.meter import Weighed, slope_of
from benchmarks.proof.scale import Scale
from benchmarks.proof.scenes.told import common_lines, how, over_time
from benchmarks.proof.town import Mix, Town
from notificacao.plan_goals import THROUGHPUT, Goal

_MIX = Mix(to_units=0.5, to_all=0.01)
_BATCH = 10
_DAY = 1_440  # minutes
_LONG_ENOUGH = 1_800  # seconds: a shorter run says nothing of a day
_TOO_FEW = "depois do primeiro quarto do tempo são menos de vinte, e não dão uma reta"
GROWTH = Goal(name="Crescimento da memória em 24 h", unit="MB", baseline=None, goal=200, is_ours=True)


def run(town: Town, scale: Scale) -> tuple[Section, Loaded]:
    """Everybody is on SSE: what is measured is the log, the stamp and the streams."""
    town.turn_flag(0)
    asked = Asked(scale.a_second, _BATCH, scale.sustained_seconds, producers=2)
    loaded = put(town, Clients(town, town.people, []), asked, _MIX)
    seconds, people = number_of(scale.sustained_seconds), number_of(len(town.people))
    section = _section(f"{scale.a_second} por segundo, {seconds} segundos, {people} conexões", loaded)
    section.lines.insert(0, throughput_line(loaded))
    if not scale.soak_hours:
        section.lines.append(hour_line())
    return section, loaded


def soak(town: Town, scale: Scale) -> tuple[Section, Loaded]:
    """The plan's 5,000 a minute for hours."""
    town.turn_flag(0)
    asked = Asked(scale.a_minute / 60, 5, 3_600 * scale.soak_hours)
    loaded = put(town, Clients(town, town.people, []), asked, _MIX)
    return _section(f"{number_of(scale.soak_hours)} horas a {number_of(scale.a_minute)} por minuto", loaded), loaded


def _section(title: str, loaded: Loaded) -> Section:
    return Section(
        title,
        "Todos por SSE, em dois processos web, dois despachantes. A memória é a parte proporcional (PSS, sem "
        "arquivos) de cada processo, a cada segundo ou pouco mais; a inclinação é a da reta depois do primeiro quarto "
        "do tempo, com intervalo de 95% que conta a autocorrelação. PostgreSQL, Redis, nginx e o servidor Ably são "
        "pesados sem meta: a de crescimento é dos processos do sistema.",
        [*common_lines(loaded), *memory_lines(loaded.weighed)],
        [*over_time("Notificações gravadas", loaded, loaded.asked.rate), *_memory_chart(loaded.weighed)],
        loaded.harm,
    )


def throughput_line(loaded: Loaded) -> Line:
    """Return the rate that was reached, beside the one that was asked for."""
    last = f"a última teve lugar no registro {number_of(loaded.unstamped_after)} s depois da última chamada"
    told = f"{how(loaded)}; {last}"
    per_row = sum(loaded.weighed.core_seconds.values()) / max(1, loaded.rows)
    spread = (
        f"{number_of(loaded.asked.rate)} pedidas/s · {number_of(1_000 * per_row)} ms de processador por notificação · "
        f"P95 {number_of(quantile(loaded.all_delays, 0.95))} ms"
        if loaded.all_delays
        else "nada foi entregue"
    )
    busy = loaded.weighed.busy
    return held_against(THROUGHPUT, loaded.rate, samples=loaded.rows, how=told, spread=spread, busy=busy)


def memory_lines(weighed: Weighed) -> list[Line]:
    """Return how much each process grows a minute, and of those of ours what that is in a day."""
    lines = []
    for name, samples in weighed.memory.items():
        lines.append(_slope_line(name, samples))
        if _is_ours(name):
            lines.append(growth_line(name, samples))
    return lines


def _slope_line(name: str, samples: list[tuple[float, float]]) -> Line:
    slope = slope_of(samples)
    what, told = f"Memória, {name}", _told(samples)
    if slope is None:
        return informs(what, "MB/min", None, samples=len(samples), how=f"não medida: {told}; {_TOO_FEW}")
    spread = f"IC 95%: {number_of(slope.low)} a {number_of(slope.high)} MB/min"
    return informs(what, "MB/min", slope.of, samples=len(samples), how=told, spread=spread)


def growth_line(name: str, samples: list[tuple[float, float]]) -> Line:
    """Return what the growth is in a day: a verdict only where both ends of the interval agree on it."""
    what, told, slope = f"{GROWTH.name}, {name}", _told(samples), slope_of(samples)
    unknown = partial(held_against, GROWTH, None, what=what, samples=len(samples))
    if slope is None:
        return unknown(how=f"não medida: {told}; {_TOO_FEW}")
    span = samples[-1][0] - samples[0][0]
    if span < _LONG_ENOUGH:
        return unknown(how=f"{told}; o trecho de {number_of(span / 60)} min não basta; rode --soak 1")
    low, high = slope.low * _DAY, slope.high * _DAY
    between = f"entre {number_of(low)} e {number_of(high)} MB"
    if low <= GROWTH.goal < high:
        return replace(unknown(how=told, spread=f"não se sabe: {between}"), verdict=Verdict.TOO_FEW)
    worst = high if high <= GROWTH.goal else low  # the end that is nearer to the goal
    return held_against(GROWTH, worst, what=what, samples=len(samples), how=told, spread=between)


def _told(samples: list[tuple[float, float]]) -> str:
    if not samples:
        return "nenhuma amostra de memória"
    span = number_of(samples[-1][0] - samples[0][0])
    return f"{len(samples)} amostras de memória em {span} s; {number_of(samples[-1][1])} MB ao fim"


def hour_line() -> Line:
    """Return the line of a run without a soak."""
    how = "não se mede aqui; rode script/proof --soak 1"
    return informs("Memória em uma hora", "MB/min", None, samples=0, how=how)


def _is_ours(name: str) -> bool:
    return name.startswith(("web", "despachante"))


def _memory_chart(weighed: Weighed) -> list:
    ours = {name: found for name, found in weighed.memory.items() if _is_ours(name)}
    drawn = chart("Memória dos nossos processos, sem arquivos", "segundos", "MB", ours)
    return [drawn] if drawn else []
