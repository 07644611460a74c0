"""Twice and five times the plan's throughput at once: what slows, and what never does."""

from dataclasses import replace

from benchmarks.proof.charts import chart, number_of
from benchmarks.proof.clients import Clients
from benchmarks.proof.judging import Line, Section, Verdict, held_against, informs
from benchmarks.proof.load import put
from benchmarks.proof.loaded import PATIENCE, Asked, Loaded, quantile
from benchmarks.proof.meter import Weighed
from benchmarks.proof.metrics import answered_line
from benchmarks.proof.scale import Scale
from benchmarks.proof.scenes.told import delays_chart, harm_lines, how, over_time, pace_lines, spread
from benchmarks.proof.town import Mix, Town
from notificacao.plan_goals import Goal

_MIX = Mix(to_units=0.2, to_all=0)
_BATCH = 50
_PRODUCERS = 4  # each waits for its call: two of them were the brake
_REACHED = 0.95  # of what was asked for, from which on the log was loaded as much as the scene says
_TURNS = "baixa,normal,alta,normal,urgente,baixa,normal"
_IMPORTANT, _REST = ("alta", "urgente"), ("baixa", "normal")
NOT_BEHIND = Goal(name="P95 de alta e urgente ÷ P95 das demais", unit="vezes", baseline=None, goal=1.1, is_ours=True)
ANSWERING = Goal(
    name="Site responde durante a sobrecarga", unit="%", baseline=None, goal=99, higher_is_better=True, is_ours=True
)
DRAINED = Goal(name="Fila escoada depois do fim", unit="s", baseline=None, goal=30, is_ours=True)


def run(town: Town, scale: Scale, times: int) -> tuple[Section, Loaded]:
    """`times` what the plan asks for."""
    town.turn_flag(0)
    asked = Asked(
        times * scale.a_second,
        _BATCH,
        scale.overload_seconds,
        producers=_PRODUCERS,
        priorities=_TURNS,
        from_due=False,
    )
    loaded = put(town, Clients(town, town.people, []), asked, _MIX)
    reached = f"pedidas {times}x: {number_of(asked.rate)}/s, alcançadas {number_of(loaded.produced)}/s"
    section = Section(
        f"Sobrecarga: {reached}",
        f"Notificações {reached}, por {_PRODUCERS} produtores que esperam cada um pela sua chamada: o que não foi "
        "alcançado esperou neles, e a latência conta desde o início da chamada, sem essa espera («Atraso dos "
        "produtores no fim»). O que pode piorar é o atraso; perda, repetição e vazamento, não. Alta e urgente não "
        "furam a fila do registro (a ordem dele é a prova de que nada falta): não podem é ficar para trás.",
        [*_slowed(loaded), *_never(loaded)],
        [
            *delays_chart("Atraso por prioridade", dict(sorted(loaded.by_priority.items())), None),
            *_overflow(loaded),
        ],
        loaded.harm,
    )
    return section, loaded


def _slowed(loaded: Loaded) -> list:
    found = loaded.all_delays
    calls = loaded.calls_ms
    asked = f"{number_of(loaded.asked.rate)} pedidas/s"
    commit = "quanto demora uma chamada que grava 50; o atraso além disso é do registro até as pessoas"
    late = 100 * loaded.late / loaded.owed if loaded.owed else None
    slow = f"entregas que vieram mais de {number_of(PATIENCE)} s depois da chamada"
    return [
        informs("Vazão alcançada", "msg/s", loaded.rate, samples=loaded.rows, how=how(loaded), spread=asked),
        informs("Latência P95", "ms", quantile(found, 0.95), samples=len(found), how=how(loaded), spread=spread(found)),
        informs("Gravação P95", "ms", quantile(calls, 0.95), samples=len(calls), how=commit, spread=spread(calls)),
        informs("Entregas atrasadas", "%", late, samples=loaded.owed, how=slow),
        *pace_lines(loaded),
    ]


def _never(loaded: Loaded) -> list:
    important, rest = (
        [each for name in names for each in loaded.by_priority.get(name, ())] for names in (_IMPORTANT, _REST)
    )
    behind = quantile(important, 0.95) / quantile(rest, 0.95) if important and rest else None
    told = f"{len(important)} entregas de alta e urgente, {len(rest)} das demais"
    return [
        held_against(NOT_BEHIND, behind, samples=len(important) + len(rest), how=told),
        answering_line(loaded.weighed),
        drained_line(loaded),
        *harm_lines(loaded, "cada quadro recebido é comparado com o registro no banco."),
    ]


def answering_line(weighed: Weighed) -> Line:
    """Return the share of the probes that were well during the overload."""
    asked = (
        "/health/ready de cada processo web, uma vez por segundo, resposta em até 2 s; o segundo em que não se pôde "
        "perguntar conta como falha"
    )
    return answered_line(ANSWERING, weighed, asked)


def drained_line(loaded: Loaded) -> Line:
    """Return how long people still received after the end. Where the system never had what was asked for, meeting the
    goal says nothing; missing it does.
    """
    told = (
        "da última chamada dos produtores até a última leitura de um cliente; a última teve lugar no registro "
        f"{number_of(loaded.unstamped_after)} s depois de os produtores terminarem"
    )
    line = held_against(DRAINED, loaded.read_after, samples=1, how=told)
    if line.verdict is Verdict.MET and loaded.produced < _REACHED * loaded.asked.rate:
        reached = f"{number_of(loaded.asked.rate)}/s pedidas, {number_of(loaded.produced)}/s alcançadas"
        why = f"{reached}: não se sabe o que faria com o resto, que esperou nos produtores"
        return replace(line, verdict=Verdict.UNMEASURED, spread=why)
    return line


def _overflow(loaded: Loaded) -> list:
    late = chart("P95 de cada segundo", "segundos", "ms", {"P95": [(second, p95) for second, _, p95 in loaded.series]})
    return [*over_time("Notificações gravadas", loaded, loaded.asked.rate)[:1], *([late] if late else [])]
