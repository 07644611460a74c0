"""A thousand notifications at once to five hundred people who are connected."""

from statistics import median

from benchmarks.proof.charts import number_of
from benchmarks.proof.clients import Clients
from benchmarks.proof.judging import Line, Section, informs
from benchmarks.proof.load import put
from benchmarks.proof.loaded import Asked, Loaded
from benchmarks.proof.scale import Scale
from benchmarks.proof.scenes.told import common_lines, delays_chart, spread
from benchmarks.proof.town import Mix, Town

EVERY = 3.0  # seconds between two bursts
MIX = Mix(to_units=9, to_all=0.5)


def run(town: Town, scale: Scale) -> tuple[Section, Loaded]:
    """All of a burst is committed in one transaction."""
    town.turn_flag(0)
    some = town.people[: scale.at_once_people]
    asked = Asked(scale.at_once / EVERY, scale.at_once, EVERY * scale.bursts)
    loaded = put(town, Clients(town, some, [], some[: scale.browsers]), asked, MIX)
    section = Section(
        f"{number_of(scale.at_once)} notificações de uma vez, {len(some)} pessoas conectadas",
        f"{scale.bursts} rajadas, cada uma em uma só transação: 90,5% a uma pessoa, 9% a uma unidade, 0,5% a todos. "
        "Do plano, fase 4, teste de carga. Os núcleos ocupados são a média com as pausas entre as rajadas; durante uma "
        "rajada estão mais ocupados do que ela diz.",
        [*common_lines(loaded), _writing(loaded)],
        delays_chart("Atraso das entregas", {"SSE": loaded.delays.get("sse", []), "Chromium": loaded.browsers}),
        loaded.harm,
    )
    return section, loaded


def _writing(loaded: Loaded) -> Line:
    """Return how long the transaction itself takes, which every delay of the burst holds."""
    calls = loaded.calls_ms
    told = "a transação que grava a rajada inteira, que está dentro de cada atraso: antes dela nada se pode entregar"
    return informs("Gravação da rajada", "ms", median(calls), samples=len(calls), how=told, spread=spread(calls))
