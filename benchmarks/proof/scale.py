"""How large a proof is: people, seconds and repetitions of each scene."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Scale:
    """Hold the sizes. The plan's numbers (500 and 1,000 people, 1,000 at once, 5,000 a minute, 500 a second) are the
    defaults; only `TINY` goes below them.
    """

    name: str
    people: int = 1_000
    at_once_people: int = 500
    at_once: int = 1_000
    bursts: int = 10
    a_minute: int = 5_000
    peak_seconds: float = 120
    a_second: int = 500
    sustained_seconds: float = 600
    overload_seconds: float = 40
    fault_people: int = 60
    browsers: int = 4
    every_fault: bool = True
    from_outside: int = 120
    soak_hours: float = 0.0


FULL = Scale("completa (30 minutos)")
QUICK = Scale(
    "rápida (5 minutos)",
    bursts=3,
    peak_seconds=20,
    sustained_seconds=25,
    overload_seconds=8,
    fault_people=12,
    browsers=2,
    every_fault=False,
    from_outside=30,
)
TINY = replace(
    QUICK,
    name="mínima (não vale como prova)",
    people=40,
    at_once_people=20,
    at_once=100,
    bursts=2,
    a_minute=600,
    peak_seconds=3,
    a_second=40,
    sustained_seconds=6,
    overload_seconds=3,
    fault_people=4,
    browsers=1,
    from_outside=3,
)
BY_NAME = {"full": FULL, "quick": QUICK, "tiny": TINY}
