"""Five thousand notifications a minute to a thousand people: all on SSE, all on Ably, half and half."""

from itertools import zip_longest

from benchmarks.proof.charts import number_of
from benchmarks.proof.clients import Clients
from benchmarks.proof.judging import Section
from benchmarks.proof.load import put
from benchmarks.proof.loaded import Asked, Loaded
from benchmarks.proof.scale import Scale
from benchmarks.proof.scenes.told import TRANSPORTS, common_lines, delays_chart, over_time
from benchmarks.proof.town import Mix, Town

MIX = Mix(to_units=6, to_all=0)  # 6.9 deliveries for each, units of a hundred: docs/custo.md reckons with 6.7
_BATCH = 5
_TITLES = {0: "todos por SSE", 100: "todos pelo Ably", 50: "metade pelo Ably, metade por SSE"}


def run(town: Town, scale: Scale, percent: int) -> tuple[Section, Loaded]:
    """`percent` of the people are on Ably, by the flag."""
    on_ably = town.turn_flag(percent)
    names = {person.name for person in on_ably}
    on_sse = [person for person in town.people if person.name not in names]
    both = zip_longest(on_sse[: scale.browsers], on_ably[: scale.browsers])
    pages = [person for pair in both for person in pair if person][: scale.browsers]
    rate = scale.a_minute / 60
    loaded = put(town, Clients(town, on_sse, on_ably, pages), Asked(rate, _BATCH, scale.peak_seconds), MIX)
    title = _TITLES[percent]
    section = Section(
        f"{number_of(scale.a_minute)} por minuto, {number_of(len(town.people))} conexões: {title}",
        f"Do plano, fase 4, teste de estresse. {len(on_ably)} pessoas no Ably (cada uma com o fluxo SSE em espera ao "
        f"lado), {len(on_sse)} por SSE, das quais até 100 através do nginx com TLS.",
        common_lines(loaded),
        [
            *delays_chart("Atraso das entregas", {TRANSPORTS[kind]: found for kind, found in loaded.delays.items()}),
            *over_time("Notificações gravadas", loaded, rate),
        ],
        loaded.harm,
    )
    return section, loaded
