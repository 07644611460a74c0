"""Hold what was measured against the plan: lines with a verdict each, and whether the report as a whole is red."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.proof.charts import Chart
from benchmarks.proof.load import Harm
from notificacao.plan_goals import CRITICAL, GOOD, MISSED, UNASKED, UNKNOWN, Goal

BUSY = 0.85  # of the machine's cores, from which on a figure is a bound: clients and servers share them


class Verdict(StrEnum):
    """What is said of a line."""

    MET = "cumpre"
    MISSED = "não cumpre"
    CRITICAL = "crítico"
    LOWER_BOUND = "limite inferior"
    UPPER_BOUND = "limite superior"
    UNMEASURED = "não se mede aqui"
    INFORMS = "informa"
    RED = "vermelho"


@dataclass(frozen=True)
class Line:
    """Hold one line of the report: what, how much, held against what, and how it is known.

    `spread` says in words how far the samples are apart; `how` says of what they are, for how long, by which command.
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


def held_against(
    goal: Goal, measured: float | None, *, samples: int, how: str, what: str = "", spread: str = "", busy: float = 0.0
) -> Line:
    """Return the line on `measured`; where the cores were `busy`, what misses the goal is a bound and no verdict."""
    return Line(
        what=what or goal.name,
        unit=goal.unit,
        measured=measured,
        verdict=_verdict(goal, measured, busy),
        samples=samples,
        how=how,
        spread=spread,
        baseline=goal.baseline,
        goal=goal.goal,
        critical=goal.critical,
        higher_is_better=goal.higher_is_better,
    )


def _verdict(goal: Goal, measured: float | None, busy: float) -> Verdict:
    found = goal.verdict_on(measured)
    if found in (MISSED, CRITICAL, UNASKED) and busy >= BUSY:
        return Verdict.LOWER_BOUND if goal.higher_is_better else Verdict.UPPER_BOUND
    words = {GOOD: Verdict.MET, MISSED: Verdict.MISSED, UNASKED: Verdict.MISSED, CRITICAL: Verdict.CRITICAL}
    return words.get(found, Verdict.UNMEASURED) if found != UNKNOWN else Verdict.UNMEASURED


def informs(what: str, unit: str, measured: float | None, *, samples: int, how: str, spread: str = "") -> Line:
    """Return a line that the plan has no goal for."""
    verdict = Verdict.UNMEASURED if measured is None else Verdict.INFORMS
    return Line(what, unit, measured, verdict, samples, how, spread)


def never(what: str, count: int, *, samples: int, how: str) -> Line:
    """Return the line on something that must never happen: one time is enough for red."""
    verdict = Verdict.RED if count else Verdict.MET
    return Line(what, "vezes", count, verdict, samples, how, goal=0)


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


def of_harm(harm: Harm, deliveries: int, how: str) -> list[Line]:
    """Return the lines on what must never happen to `deliveries`."""
    told = f"{how} {' · '.join(harm.examples)}".rstrip()
    return [
        never("Perdidas", harm.lost, samples=deliveries, how=told),
        never("Mostradas duas vezes", harm.twice, samples=deliveries, how=told),
        never("Vistas por quem não devia", harm.foreign, samples=deliveries, how=told),
        never("Fora de ordem", harm.disordered, samples=deliveries, how=told),
    ]
