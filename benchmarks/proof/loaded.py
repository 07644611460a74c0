"""What a load is and what became of it: how it was asked for, what producers say, harm, delays."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.proof.meter import Weighed
from tests.faults.history import Fault

WITH_STANDBY = "ably com o SSE em espera"  # the key of what people on Ably see
PATIENCE = 5.0  # seconds from which on what has not come counts as an error, though it may come yet
_FOREIGN = {"seen by others", "altered", "rolled back"}
_LOST = {"lost", "not stamped"}
_TWICE = {"shown twice", "seq given twice"}
_ORDER = {"out of order", "stamped out of order", "broken chain"}


@dataclass(frozen=True)
class Asked:
    """How a load is produced: `rate` rows a second in calls of `batch` rows, by so many producers, for `seconds`.

    `from_due`: delays are counted from when a call was due, so that what a slow call holds up counts along; without it,
    from when the call began.
    """

    rate: float
    batch: int
    seconds: float
    producers: int = 1
    priorities: str = "normal"
    from_due: bool = True


@dataclass
class Produced:
    """What the producers say: the seconds of each `call`; how `late` each began, by the nanosecond at which it did.

    `behind`: by how many seconds the last call of the slowest was late; `until`: seconds until that call.
    """

    calls: list[float]
    late: dict[int, float]
    behind: float
    until: float

    @classmethod
    def of(cls, said: Iterable[Mapping]) -> "Produced":
        """Put together what each process printed."""
        said = [one for one in said if one["calls"]]
        return cls(
            calls=[call for one in said for call in one["calls"]],
            late={at: late for one in said for at, late in one["begun"]},
            behind=max((one["begun"][-1][1] for one in said), default=0.0),
            until=max((one["until"] for one in said), default=0.0),
        )


@dataclass
class Harm:
    """How often what must never happen happened to `checked` deliveries; `examples` are what the checker said first.

    `by_one_path` of them can show that a row came twice: of two paths a client keeps what comes first.
    """

    lost: int = 0
    twice: int = 0
    foreign: int = 0
    disordered: int = 0
    checked: int = 0
    by_one_path: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def all(self) -> int:
        return self.lost + self.twice + self.foreign + self.disordered

    @property
    def any(self) -> bool:
        return bool(self.all)

    def add(self, other: "Harm") -> None:
        """Count the harm of both."""
        for what in ("lost", "twice", "foreign", "disordered", "checked", "by_one_path"):
            setattr(self, what, getattr(self, what) + getattr(other, what))
        self.examples = (self.examples + other.examples)[:5]

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> "Harm":
        """Sort the checker's faults by what they do to people."""
        faults = list(faults)
        rules = Counter(fault.rule for fault in faults)

        def count(names: set[str]) -> int:
            return sum(rules.pop(name, 0) for name in names)

        examples = [str(fault) for fault in faults[:5]]
        harm = cls(lost=count(_LOST), twice=count(_TWICE), foreign=count(_FOREIGN), examples=examples)
        harm.disordered = rules.total()  # whatever else a rule says
        return harm


@dataclass
class Loaded:
    """What became of a load. Delays are milliseconds from when a row was asked for (see Asked) to a client's read.

    `delays` by transport: "sse", "ably" what came by Ably alone, whatever the stream beside it brought before, and
    WITH_STANDBY what the people on Ably saw, by the faster of both. `by_priority` of all that was seen; `series`:
    `(second, rows a second, p95)`; `late` came after PATIENCE or never, of `owed` deliveries; `unstamped_after`:
    seconds from the last call until the last row had its place, `read_after` until somebody read the last one; `rate`
    up to its place, `produced` up to the last call, rows a second; `connected`: how many of `people` at the least, as
    the server counts them; `transports` of pages in Chromium at the end; `again`: copies by one path, see Came.
    """

    asked: Asked
    rows: int
    owed: int
    late: int
    delays: dict[str, list[float]]
    by_priority: dict[str, list[float]]
    browsers: list[float]
    harm: Harm
    rate: float
    series: list[tuple[float, float, float]]
    produced: float
    behind: float
    weighed: Weighed
    people: int
    connected: int
    transports: Counter[str]
    again: int
    streams_reopened: int
    refused: int
    by_standby: int
    unstamped_after: float
    read_after: float
    calls_ms: list[float]

    @property
    def all_delays(self) -> list[float]:
        """Return the delays of what people saw."""
        return [each for kind, found in self.delays.items() if kind != "ably" for each in found]

    @property
    def deliveries(self) -> int:
        return len(self.all_delays)

    @property
    def per_row(self) -> float:
        """Return the deliveries of one notification."""
        return self.deliveries / self.rows if self.rows else 0.0


def quantile(found: Sequence[float], part: float) -> float:
    """Return a quantile of what was found; of one value that value. Raises ValueError where there is none."""
    if not found:
        raise ValueError("nothing was measured")
    return (
        found[0]
        if len(found) == 1
        else statistics.quantiles(found, n=1_000, method="inclusive")[round(1_000 * part) - 1]
    )
