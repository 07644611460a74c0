"""Say of a load what every scene says of it: how late, how many, what must never happen, how it is known."""

from collections.abc import Sequence

from benchmarks.proof.charts import Chart, chart, number_of, shares
from benchmarks.proof.judging import Line, held_against, informs, of_harm
from benchmarks.proof.load import Loaded, quantile
from notificacao import plan_goals as plan

TRANSPORTS = {"sse": "SSE", "ably": "Ably"}


def spread(found: Sequence[float]) -> str:
    """Return the quantiles beside the one that is judged."""
    cuts = ((part, quantile(found, part / 100)) for part in (50, 95, 99))
    return " · ".join(f"p{part} {number_of(cut)}" for part, cut in cuts) + f" · máx {number_of(max(found))} ms"


def how(loaded: Loaded) -> str:
    """Return how the delays of a load were measured."""
    asked = loaded.asked
    rate = number_of(asked.rate)
    return (
        f"{number_of(loaded.rows)} notificações a {number_of(loaded.connected)} pessoas conectadas, {rate}/s pedidas "
        f"em chamadas de {asked.batch}, {number_of(asked.seconds)} s; do início da chamada até a leitura no cliente; "
        f"núcleos ocupados {number_of(100 * loaded.weighed.busy)}%"
    )


def latency_lines(loaded: Loaded) -> list[Line]:
    """Return the P95 of each transport, held against the plan's goal, and the reduction that it means."""
    lines = []
    for kind, found in sorted(loaded.delays.items()):
        p95, of = quantile(found, 0.95), f"por {TRANSPORTS[kind]}"
        kept = {"samples": len(found), "how": how(loaded), "busy": loaded.weighed.busy}
        lines.append(held_against(plan.LATENCY_P95, p95, what=f"Latência P95 {of}", spread=spread(found), **kept))
    return lines


def browser_line(loaded: Loaded) -> list[Line]:
    """Return the delay until real pages had the row in their list."""
    if not loaded.browsers:
        return []
    told = f"{loaded.pages} caixas de entrada abertas no Chromium; até a linha entrar na lista da página"
    p95 = quantile(loaded.browsers, 0.95)
    return [
        informs(
            "Latência P95 no Chromium",
            "ms",
            p95,
            samples=len(loaded.browsers),
            how=told,
            spread=spread(loaded.browsers),
        )
    ]


def common_lines(loaded: Loaded) -> list[Line]:
    """Return delays, browsers, what must never happen, and streams that had to be opened again."""
    told = "cada quadro recebido é comparado com o registro no banco: identidade, ordem e destinatário."
    lines = [*latency_lines(loaded), *browser_line(loaded), *of_harm(loaded.harm, loaded.owed, told)]
    if "ably" in loaded.delays:
        beside = "o que o fluxo em espera trouxe antes do Ably, ou em lugar dele"
        lines.append(
            informs(
                "Entregas do Ably que vieram por SSE",
                "entregas",
                loaded.by_standby,
                samples=loaded.deliveries,
                how=beside,
            )
        )
    if loaded.streams_reopened or loaded.refused:
        told = f"fluxos que caíram e voltaram pelo cursor; {loaded.refused} recusas"
        lines.append(informs("Fluxos reabertos", "fluxos", loaded.streams_reopened, samples=loaded.connected, how=told))
    return lines


def delays_chart(title: str, found: dict[str, list[float]], goal: float | None = 100) -> list[Chart]:
    """Return the curve of delays of each, up to the 99.6th percentile."""
    drawn = chart(title, "% das entregas", "ms", {name: shares(delays) for name, delays in found.items()}, goal)
    return [drawn] if drawn else []


def over_time(title: str, loaded: Loaded, rate: float | None = None) -> list[Chart]:
    """Return the rows of each second, and the P95 of each second."""
    rows = chart(title, "segundos", "notificações/s", {"gravadas": [(s, n) for s, n, _ in loaded.series]}, rate)
    late = chart("P95 de cada segundo", "segundos", "ms", {"P95": [(s, p) for s, _, p in loaded.series]}, 100)
    return [each for each in (rows, late) if each]
