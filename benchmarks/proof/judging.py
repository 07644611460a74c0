"""Hold what was measured against the plan: lines with a verdict each, and whether the report as a whole is red."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from benchmarks.proof.charts import Chart
from benchmarks.proof.loaded import Harm
from notificacao.plan_goals import CRITICAL, GOOD, MISSED, Goal

BUSY = 0.85  # of the machine's cores, from which on a figure is a bound: clients and servers share them
_WORST_FIRST = ("crítico", "não cumpre", "não se mede aqui", "amostras insuficientes", "cumpre")


class Verdict(StrEnum):
    """What is said of a line."""

    MET = "cumpre"
    MISSED = "não cumpre"
    CRITICAL = "crítico"
    TOO_FEW = "amostras insuficientes"
    UNMEASURED = "não se mede aqui"
    INFORMS = "informa"
    RED = "vermelho"


@dataclass(frozen=True)
class Line:
    """Hold one line of the report: what, how much, held against what, and how it is known.

    `spread` says in words how far the samples are apart; `how` says of what they are, for how long, by which command.
    `bound` says that the machine had no more to give: own machines would do no worse. `at_most`: it was no more than
    what is told, by as much as can be seen. `scene`: of several, the one that the verdict is of.
    """

    what: str
    unit: str
    measured: float | None
    verdict: Verdict
    samples: int
    how: str
    spread: str = ""
    baseline: float | None = None
    goal: float | None = None
    critical: float | None = None
    higher_is_better: bool = False
    is_ours: bool = False
    bound: str = ""
    at_most: bool = False
    scene: str = ""


def held_against(
    goal: Goal, measured: float | None, *, samples: int, how: str, what: str = "", spread: str = "", busy: float = 0.0
) -> Line:
    """Return the line on `measured`; where the cores were `busy`, what misses the goal is told to be a bound too.

    A demand that was put here on purpose is judged like any other goal.
    """
    verdict = _VERDICTS.get(replace(goal, is_demand=False).verdict_on(measured), Verdict.UNMEASURED)
    missed = verdict in (Verdict.MISSED, Verdict.CRITICAL)
    which = "limite inferior" if goal.higher_is_better else "limite superior"
    return Line(
        what=what or goal.name,
        unit=goal.unit,
        measured=measured,
        verdict=verdict,
        samples=samples,
        how=how,
        spread=spread,
        baseline=goal.baseline,
        goal=goal.goal,
        critical=goal.critical,
        higher_is_better=goal.higher_is_better,
        is_ours=goal.is_ours,
        bound=f"{which}: núcleos ocupados {round(100 * busy)}%" if missed and busy >= BUSY else "",
    )


_VERDICTS = {GOOD: Verdict.MET, MISSED: Verdict.MISSED, CRITICAL: Verdict.CRITICAL}


def informs(what: str, unit: str, measured: float | None, *, samples: int, how: str, spread: str = "") -> Line:
    """Return a line that the plan has no goal for."""
    verdict = Verdict.UNMEASURED if measured is None else Verdict.INFORMS
    return Line(what, unit, measured, verdict, samples, how, spread)


def never(what: str, count: int, *, samples: int, how: str) -> Line:
    """Return the line on something that must never happen: once is enough for red, and no sample says nothing."""
    if not count and not samples:
        return Line(what, "vezes", None, Verdict.UNMEASURED, 0, how, goal=0)
    return Line(what, "vezes", count, Verdict.RED if count else Verdict.MET, samples, how, goal=0)


@dataclass
class Section:
    """Hold one scene of the report; `error` is why it did not come to its end."""

    title: str
    about: str
    lines: list[Line] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    harm: Harm = field(default_factory=Harm)
    error: str = ""
    seconds: float = 0.0

    @property
    def is_red(self) -> bool:
        """Tell whether something was lost, came twice or to others, or whether it could not be measured."""
        return bool(self.harm.any or self.error or any(line.verdict is Verdict.RED for line in self.lines))


def is_red(sections: Iterable[Section]) -> bool:
    """Tell whether the report is red: one section is enough."""
    return any(section.is_red for section in sections)


def of_harm(harm: Harm, how: str, *, live: int) -> list[Line]:
    """Return the lines on what must never happen, as far as clients can tell; `live` deliveries came by a live stream.

    They, and what pages in Chromium showed, can alone show that a row came twice: of two paths to Ably a client keeps
    what comes first.
    """
    told = f"{how} {' · '.join(harm.examples)}".rstrip()
    return [
        never("Perdidas", harm.lost, samples=harm.checked, how=told),
        never(
            "Mostradas duas vezes",
            harm.twice,
            samples=harm.by_one_path,
            how="no fluxo SSE ao vivo e nas páginas do Chromium; a página no Ably junta os dois caminhos",
        ),
        never(
            "Vistas por quem não devia",
            harm.foreign,
            samples=harm.checked,
            how="canal de cada quadro contra os que o sistema diz serem da pessoa; identidade e canal, o texto não",
        ),
        never(
            "Fora de ordem",
            harm.disordered,
            samples=live,
            how="no fluxo SSE ao vivo e no encadeamento do registro; o que vem pelo Ably a página põe em ordem",
        ),
    ]


def by_verdict(lines: Iterable[Line]) -> str:
    """Return which lines got which verdict, the worst first: "crítico: Latência P95 (todos por SSE); cumpre: …"."""
    names: dict[str, list[str]] = {}
    for line in lines:
        names.setdefault(line.verdict.value, []).append(f"{line.what} ({line.scene})" if line.scene else line.what)
    ordered = sorted(names, key=lambda verdict: _WORST_FIRST.index(verdict) if verdict in _WORST_FIRST else 0)
    return "; ".join(f"{verdict}: {', '.join(names[verdict])}" for verdict in ordered)
