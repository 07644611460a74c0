"""Fill the plan's two tables of metrics from what the scenes measured."""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from benchmarks.proof.charts import number_of
from benchmarks.proof.judging import Line, Verdict, held_against
from benchmarks.proof.loaded import PATIENCE, Loaded, quantile
from benchmarks.proof.meter import Weighed
from benchmarks.proof.scenes.sustained import throughput_line
from benchmarks.proof.scenes.told import how, spread
from benchmarks.proof.town import ABLY_S_STAND_IN
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


_PEAKS = {"peak_sse": "todos por SSE", "peak_ably": "todos pelo Ably", "peak_half": "metade por cada um"}
_ASKED_BY_THE_PLAN = {"at_once": "1.000 de uma vez", **_PEAKS}
_NORMAL = (*_ASKED_BY_THE_PLAN, "sustained", "soak")


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
    """Return SSE and Ably under the same notifications, and whether Ably halves the latency of the SSE of this run."""
    lines, p95s = [], {}
    for name, word in (("sse", "SSE"), ("ably", "Ably")):
        for loaded in found.of(f"peak_{name}"):
            delays = loaded.delays.get(name, [])
            if not delays:
                none = "nada chegou por este caminho"
                lines.append(held_against(plan.LATENCY_P95, None, what=f"{word}: P95", samples=0, how=none))
                continue
            kept = {"samples": len(delays), "how": how(loaded), "spread": spread(delays), "busy": loaded.weighed.busy}
            p95s[name] = quantile(delays, 0.95)
            lines.append(held_against(plan.LATENCY_P95, p95s[name], what=f"{word}: P95", **kept))
            spent = {what: took for what, took in loaded.weighed.core_seconds.items() if what != ABLY_S_STAND_IN}
            cores = 1_000 * sum(spent.values()) / max(1, loaded.rows)
            told = "os processos que a cidade teria: sem produtor, sem clientes, sem o que faz as vezes do Ably"
            lines.append(Line(f"{word}: processador", "ms/notificação", cores, Verdict.INFORMS, loaded.rows, told))
    if len(p95s) == 2:
        told = (
            "P95 pelo Ably contra o P95 por SSE desta mesma execução; o SSE de antes do plano não existe mais para se "
            "medir, e a rede até as pessoas e até a nuvem não está incluída em nenhum dos dois; o servidor que faz as "
            "vezes do Ably e os clientes dele, dos quais cem conferem cada assinatura, ocupam os mesmos núcleos"
        )
        less = 100 * (1 - p95s["ably"] / p95s["sse"])
        busy = max(loaded.weighed.busy for loaded in found.of("peak_sse", "peak_ably"))
        kept = {"samples": 1, "how": told, "busy": busy}
        lines.append(held_against(plan.REDUCTION, less, what="Ably contra SSE: redução do P95", **kept))
        times = f"o P95 pelo Ably é {number_of(p95s['ably'] / p95s['sse'])} vezes o por SSE"
        lines[-1] = replace(lines[-1], spread=times)
    return lines


def _unmeasured(goal: Goal, why: str) -> Line:
    return held_against(goal, None, samples=0, how=why)


def _of_the_slowest(goal: Goal, found: Found, of: Callable[[list[float]], float]) -> Line:
    """Return the line on the scene in which `of` its delays is highest: what holds for it holds for the others."""
    scenes = {name: loaded for name in _ASKED_BY_THE_PLAN for loaded in found.of(name) if loaded.all_delays}
    if not scenes:
        return _unmeasured(goal, "nenhuma cena de carga chegou ao fim")
    name = max(scenes, key=lambda name: of(scenes[name].all_delays))
    loaded = scenes[name]
    delays = loaded.all_delays
    others = " · ".join(
        f"{_ASKED_BY_THE_PLAN[other]} {number_of(of(each.all_delays))} ms" for other, each in scenes.items()
    )
    told = f"«{_ASKED_BY_THE_PLAN[name]}», a mais lenta das {len(scenes)} cenas, cada uma feita uma vez; {how(loaded)}"
    apart = f"{others} — {spread(delays)}"
    line = held_against(goal, of(delays), samples=len(delays), how=told, spread=apart, busy=loaded.weighed.busy)
    return replace(line, scene=_ASKED_BY_THE_PLAN[name])


def _p95(goal: Goal, found: Found) -> Line:
    return _of_the_slowest(goal, found, lambda delays: quantile(delays, 0.95))


def _mean(found: Found) -> Line:
    return _of_the_slowest(plan.LATENCY_MEAN, found, statistics.fmean)


def _reduction(found: Found) -> Line:
    p95 = _p95(plan.LATENCY_P95, found)
    less = None if p95.measured is None else plan.reduction(p95.measured)
    told = f"o P95 acima contra os 200 ms de antes, que são do plano e aqui não se medem de novo; {p95.how}"
    line = held_against(plan.REDUCTION, less, samples=p95.samples, how=told, spread=p95.spread)
    return replace(line, bound=p95.bound.replace("superior", "inferior"), scene=p95.scene)


def _errors(goal: Goal, found: Found) -> Line:
    loads = found.of(*_NORMAL)
    owed = sum(loaded.owed for loaded in loads)
    late = sum(loaded.late for loaded in loads)
    told = (
        f"entregas devidas que não vieram, ou vieram mais de {number_of(PATIENCE)} s depois; em {len(loads)} cenas, "
        "sem a sobrecarga, que tem a sua linha, e sem as falhas provocadas"
    )
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
    """The plan's goal is for 30 days: what was well during the loads does not prove it."""
    together = Weighed()
    for loaded in found.of(*_NORMAL, "overload_2", "overload_5"):
        together.add(loaded.weighed)
    if not together.asked:
        return _unmeasured(goal, "nenhuma cena de carga chegou ao fim")
    told = (
        "/health/ready de cada processo web a cada segundo, em até 2 s, sobrecarga incluída, falhas provocadas não; "
        "30 dias só se provam em 30 dias"
    )
    line = answered_line(goal, together, told)
    return replace(line, verdict=Verdict.TOO_FEW) if line.verdict is Verdict.MET else line


def answered_line(goal: Goal, weighed: Weighed, how: str) -> Line:
    """Return the share of the probes that were well. It meets the goal where Wilson's interval leaves no doubt."""
    if not weighed.asked:
        return _unmeasured(goal, how)
    share = 100 * weighed.answered / weighed.asked
    low = 100 * wilson_low(weighed.answered, weighed.asked)
    at_least = f"{math.floor(100 * low) / 100:.2f}".replace(".", ",")
    spread = f"ao menos {at_least}%, com 97,5% de certeza"
    line = held_against(goal, share, samples=weighed.asked, how=how, spread=spread)
    return replace(line, verdict=Verdict.TOO_FEW) if line.verdict is Verdict.MET and low < goal.goal else line


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
    told = (
        "o menor número de pessoas com um fluxo aberto que o servidor contou durante a carga, cada uma recebendo o que "
        "é seu; quem está no Ably tem duas conexões, e conta-se o fluxo"
    )
    reopened = f"{most.streams_reopened} fluxos reabertos"
    return held_against(goal, most.connected, samples=most.connected, how=told, spread=reopened)


def _cost(found: Found) -> Line:
    if found.month is None:
        return _unmeasured(plan.COST, "o mês simulado não chegou ao fim")
    servers, bill, days = (found.month[what] for what in ("servers", "bill", "working_days"))
    told = (
        f"1 mês simulado de {days} dias úteis, 500 pessoas no Ably, servidores a US$ {number_of(servers)}, o que é "
        f"suposição; cumpre enquanto custarem até US$ {number_of(plan.COST.goal - bill + servers)}, e num mês de 22 "
        "dias úteis como diz docs/custo.md; ver «Custo do mês simulado»"
    )
    return held_against(plan.COST, bill, samples=1, how=told)
