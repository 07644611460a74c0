"""Draw lines over time as SVG, on the server: without a script, and in whatever colours the stylesheet gives."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import number_format

WIDTH, HEIGHT = 600, 160
LEFT, BOTTOM, TOP = 46, 22, 8
GAP = timedelta(minutes=25)  # without figures for longer than that a line is broken
_HOURS = 6  # between two labels


@dataclass(frozen=True)
class Series:
    """Hold a line: its CSS class, its name, and how to read its value of a span."""

    css: str
    name: str
    value: Callable[[Any], float | None]


@dataclass(frozen=True)
class Line:
    """Hold a line as drawn: `paths` are points for `<polyline>`, one for each stretch without a gap."""

    css: str
    name: str
    paths: list[str]


@dataclass(frozen=True)
class Chart:
    """Hold what the template needs. Places are whole units of the viewBox."""

    name: str
    title: str
    unit: str
    lines: list[Line]
    levels: list[tuple[float, str]]  # (y, label)
    hours: list[tuple[float, str]]  # (x, label)
    goal: float | None  # y of the goal
    goal_label: str
    last: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def chart(  # noqa: PLR0913 - what a chart is made of
    name: str,
    title: str,
    unit: str,
    spans: Sequence[Any],
    series: Sequence[Series],
    *,
    now: datetime,
    length: timedelta,
    goal: float | None = None,
    least: float = 1.0,
) -> Chart:
    """Return the chart of `series` over the `length` up to `now`; its scale reaches `least` at the least."""
    values = [value for one in series for span in spans if (value := one.value(span)) is not None]
    top = _round_up(max([*values, goal or 0, least]))
    began = now - length

    def x(at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT) * ((at - began) / length), 1)

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top), 1)

    return Chart(
        name=name,
        title=title,
        unit=unit,
        lines=[Line(one.css, one.name, _paths(spans, one.value, x, y)) for one in series],
        levels=[(y(top * part), _number(top * part)) for part in (0, 0.5, 1)],
        hours=_hours(began, now, x),
        goal=None if goal is None else y(goal),
        goal_label="" if goal is None else f"meta: {_number(goal)} {unit}",
        last=_last(spans, series, unit),
    )


def _round_up(value: float) -> float:
    """Return the next number that has 1, 2 or 5 before its zeros."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)


def _paths(spans: Sequence[Any], value: Callable, x: Callable, y: Callable) -> list[str]:
    paths: list[list[str]] = []
    before: datetime | None = None
    for span in spans:
        here = value(span)
        if here is None:
            continue
        if before is None or span.at - before > GAP:
            paths.append([])
        paths[-1].append(f"{x(span.at)},{y(here)}")
        before = span.at
    return [" ".join(path if len(path) > 1 else path * 2) for path in paths]


def _hours(began: datetime, now: datetime, x: Callable) -> list[tuple[float, str]]:
    """Return where the whole hours lie that are labelled, by the site's own time."""
    at = timezone.localtime(began).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    found = []
    while at <= now:
        if at.hour % _HOURS == 0:
            found.append((x(at), f"{at:%H}h"))
        at += timedelta(hours=1)
    return found


def _last(spans: Sequence[Any], series: Sequence[Series], unit: str) -> str:
    """Say the last value of each line, for whoever does not see them."""
    said = []
    for one in series:
        values = [value for span in spans if (value := one.value(span)) is not None]
        said.append(f"{one.name}: {_number(values[-1])} {unit}" if values else f"{one.name}: sem medida")
    return "; ".join(said)


def _number(value: float) -> str:
    places = 0 if value >= 10 or value == round(value) else 1 if value >= 1 else 2
    return number_format(value, places, force_grouping=True)
