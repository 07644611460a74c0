"""A day of the site's metrics for a real Prometheus: each series of the registry, with its own type, and moving."""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django_prometheus.middleware import Metrics
from prometheus_client import REGISTRY, Counter, Enum, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from notificacao.metrics.families import SECONDS

DAY, STEP = 86_400, 120  # seconds
INSTANCE = {"instance": "127.0.0.1:8000", "job": "web"}
# What a registry does not know before a request came, and what Prometheus and its exporters add.
VALUES = {"status": ("200", "503")}
_TYPES = {Counter: "counter", Gauge: "gauge", Histogram: "histogram", Enum: "gauge"}


@dataclass(frozen=True)
class Family:
    """One metric: its name without what a type adds, and the labels of each of its series."""

    name: str
    type: str
    series: list[dict[str, str]] = field(default_factory=lambda: [{}])
    buckets: tuple[float, ...] = SECONDS


def registered() -> list[Family]:
    """What the code exports, by the registry itself."""
    Metrics.get_instance()
    ours = set(REGISTRY._names_to_collectors.values())
    return [_family(one) for one in ours if isinstance(one, MetricWrapperBase)]


def _family(metric: MetricWrapperBase) -> Family:
    type_, name = _TYPES.get(type(metric), "gauge"), metric._name
    if isinstance(metric, Enum):
        return Family(name, type_, [{name: state} for state in metric._states])
    # Django's views have as many series as other tests made requests, or none: hundreds in a long run.
    seen = getattr(metric, "_metrics", ()) if name.startswith("notificacao_") else ()
    known = [dict(zip(metric._labelnames, values, strict=True)) for values in seen]
    if metric._labelnames and (not known or VALUES.keys() & set(metric._labelnames)):
        choices = [VALUES.get(label, ("x",)) for label in metric._labelnames]
        possible = [dict(zip(metric._labelnames, values, strict=True)) for values in itertools.product(*choices)]
        known += [labels for labels in possible if labels not in known]
    buckets = tuple(bound for bound in getattr(metric, "_upper_bounds", ()) if bound != math.inf)
    return Family(name, type_, known or [{}], buckets or SECONDS)


def openmetrics(families: Iterable[Family], end: int) -> Iterator[str]:
    """The day that ends at `end`, seconds since 1970, line by line. A moment of the day moves each series otherwise."""
    moments = range(end - DAY, end + 1, STEP)
    for family in families:
        yield f"# TYPE {family.name} {family.type}\n"
        for place, labels in enumerate(family.series):
            for moment in moments:
                for ending, more, value in _samples(family, place, moment, end):
                    told = ",".join(f'{name}="{text}"' for name, text in {**INSTANCE, **labels, **more}.items())
                    yield f"{family.name}{ending}{{{told}}} {value:g} {moment}\n"
    yield "# EOF\n"


def _samples(family: Family, place: int, moment: int, end: int) -> Iterator[tuple[str, dict[str, str], float]]:
    grown = (moment - end + DAY) // STEP * (place + 1)
    if family.type == "counter":
        yield "_total", {}, grown
    elif family.type == "gauge":
        wave = 1 + (moment // STEP + place) % 7
        at = {"canary_heard": moment - wave, "guard_looked": moment - wave, "key_ends": end + wave * DAY}
        stem = family.name.removeprefix("notificacao_").removesuffix("_timestamp_seconds")
        yield "", {}, at.get(stem, wave)
    else:
        for number, bound in enumerate((*family.buckets, math.inf), start=1):
            share = min(1.0, number / len(family.buckets))
            yield "_bucket", {"le": "+Inf" if bound == math.inf else f"{bound:g}"}, round(10 * grown * share)
        yield "_sum", {}, 0.05 * 10 * grown
        yield "_count", {}, 10 * grown
