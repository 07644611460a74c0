"""Draw lines as SVG from data, without a script, in the colours of the page's stylesheet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 10, 34
_MOST_POINTS = 400

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Drawn:
    """One line: `points` are those of a `<polyline>`; `colour` counts from 1."""

    name: str
    colour: int
    points: str


@dataclass(frozen=True)
class Chart:
    """Hold what the template draws, in units of the viewBox; `series` is what was measured, every point of it."""

    title: str
    x_label: str
    y_label: str
    series: dict[str, list[tuple[float, float]]]
    lines: list[Drawn]
    x_marks: list[tuple[float, str]]
    y_marks: list[tuple[float, str]]
    goal: tuple[float, str] | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def chart(title: str, x_label: str, y_label: str, series: dict[str, Points], goal: float | None = None) -> Chart | None:
    """Return the chart of `series`, from zero up; None where nothing is there."""
    whole = {name: list(points) for name, points in series.items() if points}
    if not whole:
        return None
    series = {name: _thinned(points) for name, points in whole.items()}
    xs = [x for points in series.values() for x, _ in points]
    top = _round_up(max([goal or 0, 1e-9, *(y for points in series.values() for _, y in points)]))
    first, last = min(xs), max([*xs, min(xs) + 1e-9])

    def x_of(x: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (x - first) / (last - first), 1)

    def y_of(y: float) -> float:
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - y / top), 1)

    drawn = [
        Drawn(name, number, " ".join(f"{x_of(x)},{y_of(y)}" for x, y in points))
        for number, (name, points) in enumerate(series.items(), 1)
    ]
    x_marks = [(x_of(first + (last - first) * part), number_of(first + (last - first) * part)) for part in (0, 0.5, 1)]
    y_marks = [(y_of(top * part), number_of(top * part)) for part in (0, 0.5, 1)]
    mark = None if goal is None else (y_of(goal), f"meta: {number_of(goal)}")
    return Chart(title, x_label, y_label, whole, drawn, x_marks, y_marks, mark)


def shares(found: Sequence[float]) -> list[tuple[float, float]]:
    """Return `(percent of the deliveries, within so many milliseconds)`: a curve of delays."""
    ordered = sorted(found)
    if not ordered:
        return []
    return [(part / 10, ordered[min(len(ordered) - 1, len(ordered) * part // 1_000)]) for part in range(0, 1_000, 4)]


def number_of(value: float | None) -> str:
    """Return a number as it is read in Brazil, with three digits that tell something."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 or float(value).is_integer() else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def _thinned(points: Points) -> Points:
    """Return the highest of each few neighbours: no peak is left out."""
    step = math.ceil(len(points) / _MOST_POINTS)
    return [max(points[at : at + step], key=lambda point: point[1]) for at in range(0, len(points), step)]


def _round_up(value: float) -> float:
    """Return the next number that has 1, 2 or 5 before its zeros."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)
