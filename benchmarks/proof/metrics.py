"""Fill the plan's two tables of metrics from what the scenes measured."""

from dataclasses import dataclass, field

from benchmarks.proof.charts import number_of
from benchmarks.proof.judging import Line, Verdict, held_against
from benchmarks.proof.load import PATIENCE, Loaded, quantile
from benchmarks.proof.meter import Weighed
from benchmarks.proof.scenes.sustained import throughput_line
from benchmarks.proof.scenes.told import how, spread
from notificacao import plan_goals as plan
from notificacao.plan_goals import Goal

_NOT_HERE = {
    plan.DEVELOPMENT.name: "é do projeto, não do sistema: nenhuma medida o diz",
    plan.SATISFACTION.name: "só as pessoas dizem: a pergunta da caixa de entrada, na página «Metas» da administração",
    plan.INCIDENTS.name: (
        "trinta minutos não dizem de um mês: a página «Metas» conta os minutos sem serviço; as falhas provocadas estão "
        "abaixo"
    ),
}


@dataclass
class Found:
    """What the scenes measured, by name; None or missing where one was left out or did not come to its end."""

    loads: dict[str, Loaded] = field(default_factory=dict)
    month: dict | None = None

    def of(self, *names: str) -> list[Loaded]:
        """Return the loads of these names that there are."""
        return [self.loads[name] for name in names if name in self.loads]


_PEAKS = ("peak_sse", "peak_ably", "peak_half")
_NORMAL = ("at_once", *_PEAKS, "sustained", "soak")


def technical(found: Found) -> list[Line]:
    """Return the plan's technical metrics."""
    makers = {
        plan.LATENCY_P95: _p95,
        plan.ERRORS: _errors,
        plan.AVAILABILITY: _availability,
        plan.THROUGHPUT: _throughput,
        plan.CONNECTIONS: _connections,
    }
    return [makers[goal](goal, found) for goal in plan.TECHNICAL] + [_mean(found), _reduction(found)]


def business(found: Found) -> list[Line]:
    """Return the plan's metrics of business."""
    return [_cost(found) if goal is plan.COST else _unmeasured(goal, _NOT_HERE[goal.name]) for goal in plan.BUSINESS]


def side_by_side(found: Found) -> list[Line]:
    """Return SSE and Ably under the same load, and whether each halves the latency of before."""
    lines = []
    for name, word in (("sse", "SSE"), ("ably", "Ably")):
        for loaded in found.of(f"peak_{name}"):
            delays = loaded.delays.get(name, [])
            kept = {"samples": len(delays), "how": how(loaded), "spread": spread(delays), "busy": loaded.weighed.busy}
            lines.append(held_against(plan.LATENCY_P95, quantile(delays, 0.95), what=f"{word}: P95", **kept))
            less = plan.reduction(quantile(delays, 0.95))
            lines.append(held_against(plan.REDUCTION, less, what=f"{word}: −50% de latência", **kept))
            cores = 1_000 * sum(loaded.weighed.core_seconds.values()) / max(1, loaded.rows)
            told = "todos os processos que servem, sem produtor e clientes"
            lines.append(Line(f"{word}: processador", "ms/notificação", cores, Verdict.INFORMS, loaded.rows, told))
    return lines


def _unmeasured(goal: Goal, why: str) -> Line:
    return held_against(goal, None, samples=0, how=why)


def _slowest(found: Found) -> Loaded | None:
    """Return the peak with the highest P95: what holds for it holds for the others."""
    peaks = [loaded for loaded in found.of(*_PEAKS, "at_once") if loaded.all_delays]
    return max(peaks, key=lambda loaded: quantile(loaded.all_delays, 0.95), default=None)


def _p95(goal: Goal, found: Found) -> Line:
    peaks = found.of(*_PEAKS)
    delays = [each for loaded in peaks for each in loaded.all_delays]
    if not delays:
        return _unmeasured(goal, "nenhuma cena de carga chegou ao fim")
    told = f"todas as entregas das {len(peaks)} cenas de pico, SSE e Ably juntos; cada cena tem a sua linha abaixo"
    busy = max(loaded.weighed.busy for loaded in peaks)
    return held_against(goal, quantile(delays, 0.95), samples=len(delays), how=told, spread=spread(delays), busy=busy)


def _mean(found: Found) -> Line:
    loaded = _slowest(found)
    if loaded is None:
        return _unmeasured(plan.LATENCY_MEAN, "nenhuma cena de carga chegou ao fim")
    delays = loaded.all_delays
    told = f"a cena mais lenta das que o plano pede; {how(loaded)}"
    mean = sum(delays) / len(delays)
    return held_against(
        plan.LATENCY_MEAN, mean, samples=len(delays), how=told, spread=spread(delays), busy=loaded.weighed.busy
    )


def _reduction(found: Found) -> Line:
    p95 = _p95(plan.LATENCY_P95, found)
    less = None if p95.measured is None else plan.reduction(p95.measured)
    told = f"P95 contra os 200 ms do plano, que aqui não se podem medir de novo; {p95.how}"
    busy = max((loaded.weighed.busy for loaded in found.of(*_PEAKS)), default=0.0)
    return held_against(plan.REDUCTION, less, samples=p95.samples, how=told, spread=p95.spread, busy=busy)


def _errors(goal: Goal, found: Found) -> Line:
    loads = found.of(*_NORMAL)
    owed = sum(loaded.owed for loaded in loads)
    late = sum(loaded.late for loaded in loads)
    told = f"entregas devidas que não vieram, ou vieram mais de {number_of(PATIENCE)} s depois; em {len(loads)} cenas"
    refused = sum(loaded.refused for loaded in loads)
    share = 100 * late / owed if owed else None
    return held_against(
        goal,
        share,
        samples=owed,
        how=told,
        spread=f"{number_of(late)} de {number_of(owed)}; {refused} fluxos recusados",
    )


def _availability(goal: Goal, found: Found) -> Line:
    """The lower end of the interval decides: all of few probes that are well prove little."""
    together = Weighed()
    for loaded in found.of(*_NORMAL, "overload_2", "overload_5"):
        together.add(loaded.weighed)
    if not together.asked:
        return _unmeasured(goal, "nenhuma cena de carga chegou ao fim")
    share = 100 * together.answered / together.asked
    low = 100 * wilson_low(together.answered, together.asked)
    told = (
        "/health/ready de cada processo web a cada segundo, em até 2 s, sobrecarga incluída, falhas provocadas não; "
        "30 dias só se provam em 30 dias"
    )
    line = held_against(
        goal, share, samples=together.asked, how=told, spread=f"ao menos {number_of(low)}%, com 97,5% de certeza"
    )
    if line.verdict is Verdict.MET and low < goal.goal:
        return Line(**{**vars(line), "verdict": Verdict.LOWER_BOUND})
    return line


def wilson_low(well: int, asked: int, z: float = 1.96) -> float:
    """Return the lower end of Wilson's interval for a share."""
    share = well / asked
    middle = share + z * z / (2 * asked)
    width = z * (share * (1 - share) / asked + z * z / (4 * asked * asked)) ** 0.5
    return (middle - width) / (1 + z * z / asked)


def _throughput(goal: Goal, found: Found) -> Line:
    for loaded in found.of("sustained"):
        return throughput_line(loaded)
    return _unmeasured(goal, "a cena de 500 por segundo não chegou ao fim")


def _connections(goal: Goal, found: Found) -> Line:
    loads = [loaded for loaded in found.of(*_PEAKS, "sustained") if not loaded.harm.any]
    most = max(loads, key=lambda loaded: loaded.connected, default=None)
    if most is None:
        return _unmeasured(goal, "nenhuma cena com conexões chegou ao fim sem dano")
    told = "pessoas conectadas ao mesmo tempo, cada uma recebendo o que é seu; quem está no Ably tem duas conexões"
    reopened = f"{most.streams_reopened} fluxos reabertos"
    return held_against(goal, most.connected, samples=most.connected, how=told, spread=reopened)


def _cost(found: Found) -> Line:
    if found.month is None:
        return _unmeasured(plan.COST, "o mês simulado não chegou ao fim")
    told = (
        f"mês simulado, servidores a US$ {number_of(found.month['servers'])} (suposição); ver «Custo do mês simulado»"
    )
    return held_against(plan.COST, found.month["bill"], samples=30, how=told)
