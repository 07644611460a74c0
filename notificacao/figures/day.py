"""Read the last 24 hours, in steps that a chart can show and hours that a table can."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby

from notificacao.figures import keeping, latency
from notificacao.models import FigureMinute

LENGTH = timedelta(hours=24)
STEP = timedelta(minutes=10)
HOUR = timedelta(hours=1)


class Span:
    """Hold the figures of one step or hour; what has no value is None: nothing was there to be measured."""

    def __init__(self, at: datetime, figures: FigureMinute):
        self.at = at
        self.figures = figures

    @property
    def on_ably(self) -> float | None:
        return self.figures.on_ably

    @property
    def on_sse(self) -> float | None:
        return self.figures.on_sse

    @property
    def a_minute(self) -> float:
        return self.figures.stamped / max(1, self.figures.measured)

    @property
    def p95(self) -> float | None:
        return latency.percentile(latency.total(self.figures.latency.values()), 0.95)

    @property
    def failed(self) -> float | None:
        """Return the percent that Ably was to carry and SSE carried."""
        return _percent(self.figures.failed, self.figures.published + self.figures.failed)

    @property
    def missing(self) -> float | None:
        """Return the percent of what was sent to somebody with a page open that has no receipt."""
        return _percent(self.figures.missing, self.figures.expected)


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def minutes(now: datetime) -> list[FigureMinute]:
    """Return the minutes of the last 24 hours, in order."""
    return list(FigureMinute.objects.filter(at__gte=now - LENGTH, span=1).order_by("at"))


def spans(rows: Iterable[FigureMinute], length: timedelta) -> list[Span]:
    """Return the spans of `length` that have figures, in order; `rows` are in order too."""
    return list(_spans(rows, length.total_seconds()))


def _spans(rows: Iterable[FigureMinute], seconds: float) -> Iterator[Span]:
    for _, some in groupby(rows, lambda row: row.at.timestamp() // seconds):
        together = keeping.together_of(list(some))
        yield Span(together.at, together)
