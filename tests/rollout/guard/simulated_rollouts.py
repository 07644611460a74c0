"""A thousand rollouts at once, judged by the guard's own statistics and decision: what it finds out, and how soon.

`script/bench guard` prints the table of docs/measurements.md.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from notificacao.rollout.guard.gates import (
    BY_PERSON,
    FAILED,
    OVER_100_MS,
    OVER_500_MS,
    UNAVAILABLE,
    Figures,
    Finding,
    Findings,
    weigh,
)
from notificacao.rollout.guard.statistics import Interval, Tally, tally
from notificacao.rollout.guard.verdict import (
    GRACE,
    Advance,
    AwaitApproval,
    Clock,
    RollBack,
    StepDown,
    Verdict,
    decide,
    watched,
)

PEOPLE = 500
A_DAY = 20.0  # notifications a person
HOUR, DAY = 3_600.0, 86_400.0
PROBES_AN_HOUR = 240
BLOCK = 40  # probes
MISSED = 0.0001


def one_of(findings: Findings, index: int) -> Findings:
    """Return what was found of one rollout of many that were weighed at once."""
    gates = [_one_of(finding, index) for finding in findings.gates]
    return Findings(gates, findings.mismatch_evidence[index])


def _one_of(finding: Finding, index: int) -> Finding:
    return Finding(
        finding.gate,
        Tally(*(part[index] for part in finding.ably)),
        Tally(*(part[index] for part in finding.control)),
        finding.met_evidence[index],
        finding.broken_evidence[index],
        finding.critical_evidence[index],
        Interval(*(part[index] for part in finding.difference)),
    )


# share of the probes


@dataclass(frozen=True)
class Stage:
    percent: int
    bake_seconds: float
    minimum_sample: int

    @property
    def people(self) -> int:
        return self.percent * PEOPLE // 100


STAGES = (Stage(5, 2 * DAY, 500), Stage(25, 3 * DAY, 2_500), Stage(75, 7 * DAY, 10_000), Stage(100, 14 * DAY, 20_000))


@dataclass(frozen=True)
class Rates:
    """Shares of an arm's notifications: failed; not failed, and over 500 ms; neither, and over 100 ms."""

    failed: float = 0.004
    over_500_ms: float = 0.002
    over_100_ms: float = 0.02

    def __iter__(self) -> Iterator[float]:
        return iter((self.failed, self.over_500_ms, self.over_100_ms))


@dataclass(frozen=True)
class Scenario:
    name: str
    ably: Rates = Rates()
    sse: Rates = Rates()
    begins: float = 0.0  # seconds until Ably is so; before, it is as SSE
    bad_people: int = 0  # of the first stage, whose notifications by Ably fail at `bad_share`
    bad_share: float = 0.0
    a_day: float = A_DAY
    approved: bool = True  # whether staff let pass, at once, what waits for them
    monotonic: Callable[[float], float] = field(default=lambda now: now)  # the guard's clock at a true time
    dead: tuple[float, float] = (0.0, 0.0)  # between these no guard looks
    until: float = 32 * DAY


def _jumping(now: float) -> float:
    return now + 2 * DAY if 5 * HOUR < now < 9 * HOUR else now


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("healthy, 0.05% fail, nobody approves", Rates(0.0005), Rates(0.0005), approved=False),
        Scenario("healthy, 0.4% fail, staff approve all"),
        Scenario("0.4% -> 1% fail, staff approve all", Rates(failed=0.01)),
        Scenario("0.4% -> 2% fail, staff approve all", Rates(failed=0.02)),
        Scenario("10% fail, from the second hour on", Rates(failed=0.1), begins=HOUR),
        Scenario("the same with ten times the traffic", Rates(failed=0.1), begins=HOUR, a_day=10 * A_DAY),
        Scenario("slower by 100 ms", Rates(over_100_ms=0.97)),
        Scenario("within the goals, and SSE is faster still", Rates(over_100_ms=0.03), Rates(over_100_ms=0.001)),
        Scenario("beyond the goal of 100 ms, and SSE is faster", Rates(over_100_ms=0.15), Rates(over_100_ms=0.001)),
        Scenario("bad for three people only, staff approve all", bad_people=3, bad_share=0.3),
        Scenario("no traffic", a_day=0, until=4 * DAY),
        Scenario("the clock jumps by two days", Rates(0.0005), Rates(0.0005), monotonic=_jumping, until=2 * DAY - HOUR),
        Scenario("10% fail while no guard looks", Rates(failed=0.1), begins=2 * HOUR, dead=(HOUR, 3 * DAY)),
    )
}


class Rollouts:
    """`size` rollouts of one scenario, side by side. A column is a person; they come in the order of their buckets, so
    that Ably's are the first ones, and the control comes next.

    A network that is bad is so by any transport; what Ably adds to it meets everybody alike.
    """

    def __init__(self, scenario: Scenario, size: int = 1_000, seed: int = 1):
        self.scenario = scenario
        self.size = size
        self._random = np.random.default_rng(seed)
        self._activity = self._random.gamma(2, 0.5, (size, PEOPLE)) * scenario.a_day / DAY
        self._bad_luck = self._random.gamma(2, 0.5, (size, PEOPLE))
        self._shown = np.zeros((size, PEOPLE))
        self._bad = {gate: np.zeros((size, PEOPLE)) for gate in (FAILED, OVER_500_MS, OVER_100_MS)}
        self._probes, self._missed = np.zeros(size), np.zeros(size)
        self._watched = np.zeros(size)
        self._stage = np.zeros(size, int)
        self._known = np.full(size, -1)  # what was proven when the verdict was last asked for
        self._last_look = 0.0
        self.ended = np.zeros(size, bool)
        self.verdicts: list[list[tuple[float, Stage, Verdict]]] = [[] for _ in range(size)]  # as they change

    def run(self) -> "Rollouts":
        now = 0.0
        while now < self.scenario.until and not self.ended.all():
            step = _step(now)
            for rows, stage in self._by_stage():
                self._happen(rows, stage, now, step)
            now += step
            if not self.scenario.dead[0] < now < self.scenario.dead[1]:
                seconds = self._seconds_watched(now)
                for rows, stage in self._by_stage():
                    self._watched[rows] += seconds
                    self._look(rows, stage, now)
        return self

    def _by_stage(self) -> list[tuple[np.ndarray, Stage]]:
        groups = [(np.flatnonzero(~self.ended & (self._stage == number)), stage) for number, stage in enumerate(STAGES)]
        return [(rows, stage) for rows, stage in groups if rows.size]

    def _happen(self, rows: np.ndarray, stage: Stage, now: float, step: float) -> None:
        """What is sent to the people of both arms, and what becomes of it. In the time of grace nobody counts it."""
        here = rows[:, None], np.arange(min(2 * stage.people, PEOPLE))
        expected = self._activity[here] * step
        if self._watched[rows[0]] < GRACE:
            return
        total = np.zeros_like(expected)
        for (gate, bad), rate in zip(self._bad.items(), self._rates(here, stage, now), strict=True):
            total += self._scatter(expected * rate)
            bad[here] += total  # what failed is late too, and what is over 500 ms is over 100 ms
            expected *= 1 - rate if gate is not FAILED else 1
        self._shown[here] += total + self._random.poisson(expected)
        self._probes[rows] += step / HOUR * PROBES_AN_HOUR
        self._missed[rows] += self._random.poisson(step / HOUR * PROBES_AN_HOUR * MISSED, rows.size)

    def _rates(self, here, stage: Stage, now: float) -> Iterator[np.ndarray]:
        columns = here[1]
        theirs, ours = self.scenario.sse, self.scenario.ably if now >= self.scenario.begins else self.scenario.sse
        on_ably = columns < stage.people
        failed = theirs.failed * self._bad_luck[here] + (ours.failed - theirs.failed) * on_ably
        yield np.minimum(1, np.where(columns < self.scenario.bad_people, self.scenario.bad_share, failed))
        yield np.where(on_ably, ours.over_500_ms, theirs.over_500_ms)
        yield np.where(on_ably, ours.over_100_ms, theirs.over_100_ms)

    def _scatter(self, expected: np.ndarray) -> np.ndarray:
        """Poisson counts where most are 0: drawn for a row as a whole, then given to its people."""
        rows, columns = expected.shape
        cumulated = expected.cumsum(axis=1)
        totals = self._random.poisson(cumulated[:, -1])
        row = np.repeat(np.arange(rows), totals)
        places = cumulated / np.maximum(cumulated[:, -1:], 1e-300) + np.arange(rows)[:, None]
        found = np.minimum(np.searchsorted(places.ravel(), row + self._random.random(row.size)), rows * columns - 1)
        return np.bincount(found, minlength=rows * columns).reshape(rows, columns)

    def _seconds_watched(self, now: float) -> float:
        """As the guard counts them minute by minute; after a pause it looks once."""
        slept = now - self._last_look > _step(self._last_look)
        minutes = [now] if slept else np.arange(self._last_look + 60, now + 1, 60)
        self._last_look = now
        return sum(watched(self.scenario.monotonic(at) - self.scenario.monotonic(at - 60)) for at in minutes)

    def _figures(self, rows: np.ndarray, stage: Stage) -> Figures:
        arms = slice(0, stage.people), slice(stage.people, 2 * stage.people)
        ably, control = (
            {gate.name: tally(self._bad[gate][rows, arm], self._shown[rows, arm]) for gate in BY_PERSON} for arm in arms
        )
        probes, missed = self._probes[rows], self._missed[rows]
        ably[UNAVAILABLE.name] = Tally(probes / BLOCK, probes, missed, missed, missed * BLOCK, probes * BLOCK)
        return Figures(ably, control, np.full(rows.size, stage.people / min(2 * stage.people, PEOPLE)))

    def _look(self, rows: np.ndarray, stage: Stage, now: float) -> None:
        findings = weigh(self._figures(rows, stage))
        facts = [self._watched[rows] >= stage.bake_seconds, findings.mismatch]
        for one in findings.gates:
            facts += [one.critical, one.worse, one.met, one.broken]
        known = sum(np.asarray(fact, int) << place for place, fact in enumerate(facts))
        for index in np.flatnonzero((known != self._known[rows]) & (known != 0)):
            self._act(rows[index], one_of(findings, index), stage, now)
        self._known[rows] = np.where(self._stage[rows] == STAGES.index(stage), known, -1)

    def _act(self, row: int, findings: Findings, stage: Stage, now: float) -> None:
        verdict = decide(findings, stage, Clock(self._watched[row]), alone=True)
        self.verdicts[row].append((now, stage, verdict))
        if isinstance(verdict, RollBack | StepDown):
            self.ended[row] = True
        elif isinstance(verdict, Advance) or (isinstance(verdict, AwaitApproval) and self.scenario.approved):
            self._go_on(row)

    def _go_on(self, row: int) -> None:
        self._stage[row] += 1
        self.ended[row] = self._stage[row] == len(STAGES)
        for sums in (self._watched, self._shown, self._probes, self._missed, *self._bad.values()):
            sums[row] = 0

    # --- What came of them

    @property
    def completed(self) -> np.ndarray:
        return self._stage == len(STAGES)

    def first(self, *kinds: type, stage: Stage | None = None, says: str = "") -> np.ndarray:
        """Seconds from `begins` to each rollout's first verdict of these kinds; inf where there was none."""
        return np.array(
            [
                next(
                    (
                        at - self.scenario.begins
                        for at, where, verdict in told
                        if isinstance(verdict, kinds) and stage in (None, where) and says in verdict.reason
                    ),
                    np.inf,
                )
                for told in self.verdicts
            ]
        )

    def share(self, *kinds: type, stage: Stage | None = None, says: str = "") -> float:
        return float(np.isfinite(self.first(*kinds, stage=stage, says=says)).mean())


def _step(now: float) -> float:
    """Seconds of true time that happen at once: short where little was seen yet."""
    return 600.0 if now < 12 * HOUR else HOUR if now < 5 * DAY else 6 * HOUR if now < 12 * DAY else DAY
