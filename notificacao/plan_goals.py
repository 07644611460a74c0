"""Hold the plan's goals: each metric's baseline, goal and critical value, and the verdict on what was measured."""

from dataclasses import dataclass

GOOD, MISSED, CRITICAL, UNKNOWN = "good", "missed", "critical", "unknown"
UNASKED = "unasked"  # of a peak: nobody asked for more, which says nothing of what would have been borne


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Hold one metric; `baseline` is None where nothing was before, `is_ours` where the plan names no such goal."""

    name: str
    unit: str
    baseline: float | None
    goal: float
    critical: float | None = None
    higher_is_better: bool = False
    is_demand: bool = False
    is_ours: bool = False

    def verdict_on(self, measured: float | None) -> str:
        """Return GOOD, MISSED, CRITICAL or UNKNOWN; UNASKED of a demand that was below its goal."""
        if measured is None:
            return UNKNOWN
        sign = 1 if self.higher_is_better else -1
        if sign * measured >= sign * self.goal:
            return GOOD
        if self.is_demand:
            return UNASKED
        if self.critical is not None and sign * measured < sign * self.critical:
            return CRITICAL
        return MISSED


LATENCY_P95 = Goal(name="Latência P95", unit="ms", baseline=200, goal=100, critical=500)
LATENCY_MEAN = Goal(name="Latência média", unit="ms", baseline=200, goal=100)
REDUCTION = Goal(name="Redução da latência", unit="%", baseline=0, goal=50, higher_is_better=True)
ERRORS = Goal(name="Taxa de erro", unit="%", baseline=2, goal=0.5, critical=5)
ABLY_FAILURES = Goal(name="Falhas no Ably", unit="%", baseline=2, goal=0.5, critical=5)
AVAILABILITY = Goal(name="Disponibilidade", unit="%", baseline=99.5, goal=99.9, critical=99, higher_is_better=True)
ABLY_AVAILABILITY = Goal(
    name="Disponibilidade do Ably", unit="%", baseline=99.5, goal=99.9, critical=99, higher_is_better=True
)
THROUGHPUT = Goal(
    name="Pico de vazão", unit="msg/s", baseline=100, goal=500, critical=50, higher_is_better=True, is_demand=True
)
CONNECTIONS = Goal(
    name="Pico de conexões",
    unit="pessoas",
    baseline=500,
    goal=1_000,
    critical=200,
    higher_is_better=True,
    is_demand=True,
)
COST = Goal(name="Custo mensal", unit="US$", baseline=200, goal=160)
DEVELOPMENT = Goal(name="Tempo de desenvolvimento", unit="semanas", baseline=None, goal=6)
SATISFACTION = Goal(name="Satisfação", unit="de 10", baseline=7, goal=9, higher_is_better=True)
INCIDENTS = Goal(name="Incidentes", unit="por 30 dias", baseline=3, goal=1)

TECHNICAL = (LATENCY_P95, ERRORS, AVAILABILITY, THROUGHPUT, CONNECTIONS)
BUSINESS = (COST, DEVELOPMENT, SATISFACTION, INCIDENTS)


def reduction(latency_ms: float) -> float:
    """Return by how many percent a P95 is below the 200 ms of before the plan."""
    assert LATENCY_P95.baseline is not None
    return 100 * (1 - latency_ms / LATENCY_P95.baseline)
