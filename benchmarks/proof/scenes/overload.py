"""Twice and five times the plan's throughput at once: what slows, and what never does."""

from benchmarks.proof.charts import chart, number_of
from benchmarks.proof.clients import Clients
from benchmarks.proof.judging import Section, held_against, informs, of_harm
from benchmarks.proof.load import Asked, Loaded, put, quantile
from benchmarks.proof.scale import Scale
from benchmarks.proof.scenes.told import delays_chart, how, over_time, spread
from benchmarks.proof.town import Mix, Town
from notificacao.plan_goals import Goal

_MIX = Mix(to_units=0.2, to_all=0)
_BATCH = 50
_TURNS = "baixa,normal,alta,normal,urgente,baixa,normal"
_IMPORTANT, _REST = ("alta", "urgente"), ("baixa", "normal")
NOT_BEHIND = Goal(name="P95 de alta e urgente ÷ P95 das demais", unit="vezes", baseline=None, goal=1.1)
ANSWERING = Goal(name="Site responde durante a sobrecarga", unit="%", baseline=None, goal=99, higher_is_better=True)
DRAINED = Goal(name="Fila escoada depois do fim", unit="s", baseline=None, goal=30)


def run(town: Town, scale: Scale, times: int) -> tuple[Section, Loaded]:
    """`times` what the plan asks for, produced by two processes."""
    town.turn_flag(0)
    asked = Asked(times * scale.a_second, _BATCH, scale.overload_seconds, producers=2, priorities=_TURNS)
    loaded = put(town, Clients(town, town.people, []), asked, _MIX)
    section = Section(
        f"Sobrecarga: {times} vezes a vazão do plano",
        f"{number_of(asked.rate)} notificações por segundo pedidas. O que pode piorar é o atraso; perda, repetição e "
        "vazamento, não. Alta e urgente não furam a fila do registro (a ordem dele é a prova de que nada falta): não "
        "podem é ficar para trás.",
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
    reached = f"{number_of(loaded.asked.rate)} pedidas/s"
    commit = "quanto demora uma chamada que grava 50: é o produtor que a sobrecarga freia primeiro"
    return [
        informs("Vazão alcançada", "msg/s", loaded.rate, samples=loaded.rows, how=how(loaded), spread=reached),
        informs("Latência P95", "ms", quantile(found, 0.95), samples=len(found), how=how(loaded), spread=spread(found)),
        informs("Gravação P95", "ms", quantile(calls, 0.95), samples=len(calls), how=commit, spread=spread(calls)),
    ]


def _never(loaded: Loaded) -> list:
    important, rest = (
        [each for name in names for each in loaded.by_priority.get(name, ())] for names in (_IMPORTANT, _REST)
    )
    behind = quantile(important, 0.95) / quantile(rest, 0.95) if important and rest else None
    weighed = loaded.weighed
    well = 100 * weighed.answered / weighed.asked if weighed.asked else None
    told = f"{len(important)} entregas de alta e urgente, {len(rest)} das demais"
    asked = "/health/ready de cada processo web, uma vez por segundo, resposta em até 2 s"
    drained = "da última chamada dos produtores até a última notificação ter lugar no registro"
    return [
        held_against(NOT_BEHIND, behind, samples=len(important) + len(rest), how=told),
        held_against(ANSWERING, well, samples=weighed.asked, how=asked),
        held_against(DRAINED, loaded.unstamped_after, samples=1, how=drained),
        *of_harm(loaded.harm, loaded.owed, "cada quadro recebido é comparado com o registro no banco."),
    ]


def _overflow(loaded: Loaded) -> list:
    late = chart("P95 de cada segundo", "segundos", "ms", {"P95": [(second, p95) for second, _, p95 in loaded.series]})
    return [*over_time("Notificações gravadas", loaded, loaded.asked.rate)[:1], *([late] if late else [])]
