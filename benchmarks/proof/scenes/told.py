"""Say of a load what every scene says of it: how late, how many, what must never happen, how it is known."""

from collections.abc import Sequence

from benchmarks.proof.charts import Chart, chart, number_of, shares
from benchmarks.proof.judging import Line, held_against, informs, of_harm
from benchmarks.proof.loaded import WITH_STANDBY, Loaded, quantile
from notificacao import plan_goals as plan

_FOR_P99 = 1_000  # samples
TRANSPORTS = {"sse": "SSE", "ably": "Ably", WITH_STANDBY: "Ably com o SSE em espera"}


def spread(found: Sequence[float]) -> str:
    """Return the quantiles beside the one that is judged; of a hundred samples the 99th percentile says nothing."""
    parts = (50, 95, 99) if len(found) >= _FOR_P99 else (50, 95)
    cuts = ((part, quantile(found, part / 100)) for part in parts)
    return " · ".join(f"p{part} {number_of(cut)}" for part, cut in cuts) + f" · máx {number_of(max(found))} ms"


def how(loaded: Loaded) -> str:
    """Return how the delays of a load were measured."""
    asked = loaded.asked
    rate = number_of(asked.rate)
    since = "da hora em que a chamada era devida" if asked.from_due else "do início da chamada"
    return (
        f"{number_of(loaded.rows)} notificações a {number_of(loaded.people)} pessoas, das quais conectadas ao mesmo "
        f"tempo ao menos {number_of(loaded.connected)} (pessoas com um fluxo aberto, contadas pelo servidor a cada 5 s "
        f"e lidas a cada segundo), {rate}/s pedidas em chamadas de {asked.batch}, {number_of(asked.seconds)} s; "
        f"{number_of(loaded.deliveries)} entregas ({number_of(loaded.per_row)} por notificação); {since} até a leitura "
        f"no cliente; núcleos ocupados {number_of(100 * loaded.weighed.busy)}%"
    )


def pace_lines(loaded: Loaded) -> list[Line]:
    """Return the deliveries a second, and how late the producers were at the end."""
    told = f"{number_of(loaded.per_row)} por notificação; da primeira chamada até a última leitura"
    late = "quanto depois da hora devida começou a última chamada do produtor mais atrasado; " + (
        "as latências contam desde a hora devida, com este atraso dentro"
        if loaded.asked.from_due
        else "as latências contam desde o início da chamada, sem este atraso"
    )
    calls = len(loaded.calls_ms)
    each_second = loaded.deliveries / (loaded.rows / loaded.produced + loaded.read_after)
    return [
        informs("Entregas por segundo", "entregas/s", each_second, samples=loaded.deliveries, how=told),
        informs("Atraso dos produtores no fim", "s", loaded.behind, samples=calls, how=late),
    ]


def _by_path(kind: str, loaded: Loaded) -> str:
    """Return what is counted of people who have two paths."""
    seen, by_ably = (number_of(len(loaded.delays.get(one, []))) for one in (WITH_STANDBY, "ably"))
    told = {
        "ably": f"só pelo Ably, mesmo o que o fluxo em espera trouxe antes: {by_ably} das {seen} entregas; ",
        WITH_STANDBY: "o que a pessoa vê, pelo mais rápido dos dois caminhos; ",
    }
    return told.get(kind, "")


def latency_lines(loaded: Loaded) -> list[Line]:
    """Return the P95 of each transport, held against the plan's goal, and the reduction that it means."""
    lines = []
    for kind, found in sorted(loaded.delays.items()):
        p95, of = quantile(found, 0.95), f"por {TRANSPORTS[kind]}"
        told = f"{_by_path(kind, loaded)}{how(loaded)}"
        kept = {"samples": len(found), "how": told, "busy": loaded.weighed.busy}
        lines.append(held_against(plan.LATENCY_P95, p95, what=f"Latência P95 {of}", spread=spread(found), **kept))
    if WITH_STANDBY in loaded.delays and "ably" not in loaded.delays:
        none = "nada chegou pelo Ably: o fluxo em espera trouxe tudo"
        lines.append(held_against(plan.LATENCY_P95, None, what="Latência P95 por Ably", samples=0, how=none))
    return lines


def browser_line(loaded: Loaded) -> list[Line]:
    """Return the delay until real pages had the row in their list."""
    if not loaded.browsers:
        return []
    pages = ", ".join(f"{count} por {TRANSPORTS[name]}" for name, count in sorted(loaded.transports.items()))
    told = f"caixas de entrada abertas no Chromium, sem nginx: {pages}; até a linha entrar na lista da página"
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


def harm_lines(loaded: Loaded, how: str) -> list[Line]:
    """Return what must never happen, each with the number of what could have shown it."""
    return of_harm(loaded.harm, how, live=len(loaded.delays.get("sse", [])))


def common_lines(loaded: Loaded) -> list[Line]:
    """Return delays, browsers, what must never happen, and streams that had to be opened again."""
    told = "cada quadro recebido é comparado com o registro no banco: identidade, ordem e destinatário."
    lines = [*latency_lines(loaded), *browser_line(loaded), *pace_lines(loaded)]
    lines += harm_lines(loaded, told)
    if WITH_STANDBY in loaded.delays:
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
        copies = "uma segunda cópia pelo mesmo caminho, que a página não mostra"
        lines.append(informs("Cópias pelo Ably", "cópias", loaded.again, samples=loaded.deliveries, how=copies))
    if loaded.streams_reopened or loaded.refused:
        told = f"fluxos que caíram e voltaram pelo cursor; {loaded.refused} recusas"
        lines.append(informs("Fluxos reabertos", "fluxos", loaded.streams_reopened, samples=loaded.people, how=told))
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
