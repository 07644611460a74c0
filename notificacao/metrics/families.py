"""Define metrics with their unit and the values of their labels: each series is there from the start, at 0."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from prometheus_client import Counter, Enum, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

PREFIX = "notificacao_"
# The goals are 100 ms and 500 ms, so both are edges: the share beyond each is exact.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True)
class Family:
    """Hold one metric as a query names it, the values of its labels, and whether the leader alone writes it."""

    metric: MetricWrapperBase
    shown_as: str
    type: str  # Prometheus's word: counter, gauge or histogram
    unit: str
    meaning: str
    labels: dict[str, Sequence[str]] = field(default_factory=dict)
    of_the_leader: bool = False


FAMILIES: list[Family] = []


def counter(name: str, unit: str, meaning: str, /, **labels: Sequence[str]) -> Counter:
    """Define what only grows; it is shown with `_total` at the end."""
    made = Counter(PREFIX + name, _help(meaning, unit), list(labels))
    _define(Family(made, f"{PREFIX}{name}_total", "counter", unit, meaning, labels))
    return made


def gauge(name: str, unit: str, meaning: str, /, *, of_the_leader: bool = False, **labels: Sequence[str]) -> Gauge:
    """Define what goes up and down; `of_the_leader` where the leading dispatcher alone writes it."""
    made = Gauge(PREFIX + name, _help(meaning, unit), list(labels))
    _define(Family(made, PREFIX + name, "gauge", unit, meaning, labels, of_the_leader))
    return made


def histogram(
    name: str, unit: str, meaning: str, /, buckets: Sequence[float] = SECONDS, **labels: Sequence[str]
) -> Histogram:
    """Define what is counted by size, up to each of `buckets`."""
    made = Histogram(PREFIX + name, _help(meaning, unit), list(labels), buckets=buckets)
    _define(Family(made, PREFIX + name, "histogram", unit, meaning, labels))
    return made


def states(name: str, meaning: str, values: Sequence[str], first: str) -> Enum:
    """Define which one of `values` holds, as a gauge that is 1 for it; `first` does until another is told."""
    made = Enum(PREFIX + name, _help(meaning, "state"), states=values)
    made.state(first)
    FAMILIES.append(Family(made, PREFIX + name, "gauge", "state", meaning, {PREFIX + name: values}))
    return made


def _help(meaning: str, unit: str) -> str:
    return f"{meaning} ({unit})."


def _define(family: Family) -> None:
    """Note the metric, and create all its series: a rate cannot be computed of a series that begins later."""
    FAMILIES.append(family)
    if family.labels:
        for values in itertools.product(*family.labels.values()):
            family.metric.labels(*values)


def clear_the_leaders() -> None:
    """Set every gauge of the leader to 0."""
    for family in FAMILIES:
        if family.of_the_leader:
            for values in itertools.product(*family.labels.values()):
                (family.metric.labels(*values) if values else family.metric).set(0)  # type: ignore[attr-defined]
