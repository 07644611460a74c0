"""Weigh the figures of the rollout against its gates: the goal and limit of each share, and what is proven of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from notificacao.rollout.guard import statistics
from notificacao.rollout.guard.statistics import Interval, Number, Tally

# These are the chances of a false alarm in one gate of one stage. Three gates of four stages roll back; three of the
# three stages that have a control step down, by one of the two sides of an interval: together below 1% for a healthy
# rollout. docs/decisions.md has the reasons, decision 44.
CRITICAL_ALPHA = 0.0004
WORSE_ALPHA = 0.001
BROKEN_ALPHA = 0.01  # the goal is missed: only holds
MISMATCH_ALPHA = 0.001  # only holds
MET_ALPHA = 0.05  # the goal is kept: a stage that follows watches on

COMPARABLE_FROM = 10  # people in an arm: the variance of fewer says nothing


@dataclass(frozen=True)
class Gate:
    """Hold a share that is to stay below `goal`, must not exceed `critical`, and may exceed the control's by `margin`.

    All are shares, 0 to 1; None where the gate has no such limit. `compared_beyond_goal`: what keeps the plan's goal is
    not worse than the control, however much better the control is.
    """

    name: str
    label: str
    goal: float | None = None
    critical: float | None = None
    margin: float | None = None
    compared_beyond_goal: bool = False


OVER_100_MS = Gate("over_100_ms", "acima de 100 ms", goal=0.05, margin=0.01, compared_beyond_goal=True)
OVER_500_MS = Gate("over_500_ms", "acima de 500 ms", critical=0.05, margin=0.005)
FAILED = Gate("failed", "falhas", goal=0.005, critical=0.05, margin=0.001)
UNAVAILABLE = Gate("unavailable", "indisponibilidade", goal=0.001, critical=0.01)
BY_PERSON = (OVER_100_MS, OVER_500_MS, FAILED)
GATES = (*BY_PERSON, UNAVAILABLE)


class Figures(NamedTuple):
    """Hold what was measured in this stage, by assigned arm: tallies by a gate's name.

    `control` is as many people on SSE as there are on Ably, or all where they are fewer; `assigned` is the share of
    Ably's people among the active ones of both. `unavailable` is of `ably` alone: probes by blocks of ten minutes.
    """

    ably: Mapping[str, Tally]
    control: Mapping[str, Tally]
    assigned: Number


@dataclass(frozen=True)
class Finding:
    """Hold what is proven of one gate. Evidence is a logarithm, and -inf where the gate has no such limit."""

    gate: Gate
    ably: Tally
    control: Tally
    met_evidence: Number
    broken_evidence: Number
    critical_evidence: Number
    difference: Interval

    @property
    def met(self) -> Number:
        """Return whether it is proven that the share is below the goal."""
        return self.met_evidence >= -np.log(MET_ALPHA)

    @property
    def broken(self) -> Number:
        """Return whether it is proven that the share is above the goal."""
        return self.broken_evidence >= -np.log(BROKEN_ALPHA)

    @property
    def critical(self) -> Number:
        """Return whether it is proven that the share is above the critical limit."""
        return self.critical_evidence >= -np.log(CRITICAL_ALPHA)

    @property
    def worse(self) -> Number:
        """Return whether the share is proven to be worse than the control's by more than the margin.

        Both arms need `COMPARABLE_FROM` people at least. Where the gate is compared beyond its goal alone, it must be
        proven too that the goal is missed.
        """
        margin = np.inf if self.gate.margin is None else self.gate.margin
        enough = np.minimum(self.ably.people, self.control.people) >= COMPARABLE_FROM
        may_be = self.broken if self.gate.compared_beyond_goal else True
        return enough & may_be & (self.difference.low > margin)

    @property
    def state(self) -> str:
        """Return `broken`, `met` or `not_yet`.

        A gate without a goal is met while its share is below what is critical.
        """
        if self.broken or self.critical or self.worse:
            return "broken"
        goal = self.gate.critical if self.gate.goal is None else None
        return "met" if self.met or (goal and self.ably.shown and statistics.share(self.ably) < goal) else "not_yet"

    def as_data(self) -> dict:
        """Return the finding in JSON's types, for the page and the record: shares 0 to 1, and of how many."""
        gate = self.gate
        return {
            "name": gate.name,
            "label": gate.label,
            "state": self.state,
            "value": float(statistics.share(self.ably)),
            "control": float(statistics.share(self.control)) if self.control.shown else None,
            "goal": gate.goal,
            "critical": gate.critical,
            "shown": int(self.ably.shown),
            "people": int(self.ably.people),
        }


class Findings(NamedTuple):
    """Hold the finding of each gate, and the evidence that people are missing from one arm."""

    gates: list[Finding]
    mismatch_evidence: Number

    @property
    def mismatch(self) -> Number:
        """Return whether people are missing from one arm, so that arms cannot be compared."""
        return self.mismatch_evidence >= -np.log(MISMATCH_ALPHA)


def weigh(figures: Figures) -> Findings:
    """Return what is proven, gate by gate."""
    ably, control = (arm[FAILED.name].people for arm in (figures.ably, figures.control))
    return Findings([_weigh(gate, figures) for gate in GATES], statistics.mismatch(ably, control, figures.assigned))


def _weigh(gate: Gate, figures: Figures) -> Finding:
    """Return what is proven of one gate."""
    ably = figures.ably[gate.name]
    control = figures.control.get(gate.name, Tally(*(0 * part for part in ably)))
    nothing = np.full(np.shape(ably.shown), -np.inf)
    return Finding(
        gate,
        ably,
        control,
        met_evidence=nothing if gate.goal is None else statistics.evidence_below(ably, gate.goal),
        broken_evidence=nothing if gate.goal is None else statistics.evidence_above(ably, gate.goal),
        critical_evidence=nothing if gate.critical is None else statistics.evidence_above(ably, gate.critical),
        difference=statistics.difference(ably, control, WORSE_ALPHA),
    )
