"""Five hundred notifications a second, and what memory does meanwhile; the soak is the same at the plan's peak."""

from benchmarks.proof.charts import chart, number_of
from benchmarks.proof.clients import Clients
from benchmarks.proof.judging import Line, Section, held_against, informs
from benchmarks.proof.load import Asked, Loaded, put
from benchmarks.proof.meter import Weighed, slope_of
from benchmarks.proof.scale import Scale
from benchmarks.proof.scenes.told import common_lines, how, over_time
from benchmarks.proof.town import Mix, Town
from notificacao.plan_goals import THROUGHPUT, Goal

_MIX = Mix(to_units=0.5, to_all=0.01)
_BATCH = 10
_DAY = 1_440  # minutes
_LONG_ENOUGH = 300  # seconds: a shorter run says nothing of a leak
GROWTH = Goal(name="Crescimento certo da memória em 24 h", unit="MB", baseline=None, goal=200)


def run(town: Town, scale: Scale) -> tuple[Section, Loaded]:
    """Everybody is on SSE: what is measured is the log, the stamp and the streams."""
    town.turn_flag(0)
    asked = Asked(scale.a_second, _BATCH, scale.sustained_seconds, producers=2)
    loaded = put(town, Clients(town, town.people, []), asked, _MIX)
    seconds, people = number_of(scale.sustained_seconds), number_of(len(town.people))
    section = _section(f"{scale.a_second} por segundo, {seconds} segundos, {people} conexões", loaded)
    section.lines.insert(0, throughput_line(loaded))
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
        "Todos por SSE, em dois processos web, dois despachantes. A memória é a parte proporcional (PSS) de cada "
        "processo, uma vez por segundo; a inclinação é a da reta depois do primeiro quarto do tempo, com intervalo de "
        "95% que conta a autocorrelação.",
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
        f"{number_of(loaded.asked.rate)} pedidas/s · {number_of(1_000 * per_row)} ms de processador por notificação"
    )
    busy = loaded.weighed.busy
    return held_against(THROUGHPUT, loaded.rate, samples=loaded.rows, how=told, spread=spread, busy=busy)


def memory_lines(weighed: Weighed) -> list[Line]:
    """Return how much each process of ours grows a minute, and what that would be in a day at the worst."""
    lines = []
    for name, samples in weighed.memory.items():
        slope = slope_of(samples) if name.startswith(("web", "despachante")) else None
        if slope is None:
            continue
        span = samples[-1][0] - samples[0][0]
        told = f"{len(samples)} amostras de PSS em {number_of(span)} s; {number_of(samples[-1][1])} MB ao fim"
        spread = f"IC 95%: {number_of(slope.low)} a {number_of(slope.high)} MB/min"
        lines.append(informs(f"Memória, {name}", "MB/min", slope.of, samples=len(samples), how=told, spread=spread))
        if span < _LONG_ENOUGH:
            told = f"{told}; {number_of(span)} s não bastam: rode a prova inteira ou --soak"
            lines.append(informs(f"{GROWTH.name}, {name}", "MB", None, samples=len(samples), how=told))
        else:
            grown = max(0.0, slope.low) * _DAY  # what is certain of it
            lines.append(
                held_against(GROWTH, grown, what=f"Crescimento certo em 24 h, {name}", samples=len(samples), how=told)
            )
    return lines


def _memory_chart(weighed: Weighed) -> list:
    ours = {name: found for name, found in weighed.memory.items() if name.startswith(("web", "despachante"))}
    drawn = chart("Memória (PSS)", "segundos", "MB", ours)
    return [drawn] if drawn else []
