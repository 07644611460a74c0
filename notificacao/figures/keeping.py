"""Keep the figures: 30 days by the minute, then put together by the hour, for two years."""

from datetime import timedelta

from django.db.models.functions import Now

from notificacao import eventlog
from notificacao.database import wakeful
from notificacao.figures import latency
from notificacao.models import FigureMinute

MINUTES_KEPT = timedelta(days=30)
HOURS_KEPT = timedelta(days=731)
HOUR = 60  # minutes

_ADDED = ("measured", "stamped", "published", "failed", "skipped", "expected", "missing")
_ADDED_TOO = ("probes_heard", "probes_missed", "looked", "out_of_use")
_HIGHEST = ("seq_to", "stamped_peak", "on_ably", "on_sse", "streams_live", "streams_standby")
_HIGHEST_TOO = ("unstamped_seconds", "unsettled_seconds")


def fold() -> bool:
    """Put the oldest hour of minutes together that is kept by the minute no longer; return whether there was one."""
    limit = (eventlog.now() - MINUTES_KEPT).replace(minute=0, second=0, microsecond=0)
    oldest = FigureMinute.objects.filter(span=1, at__lt=limit).order_by("at").first()
    if oldest is None:
        return False
    begins = oldest.at.replace(minute=0)
    hour = FigureMinute.objects.filter(at__gte=begins, at__lt=begins + timedelta(minutes=HOUR))
    with wakeful():
        together = together_of(list(hour))
        hour.delete()
        together.at, together.span = begins, HOUR
        together.save(force_insert=True)
    return True


def forget_the_old() -> None:
    """Put together the hours that are due, and delete those that are kept no longer."""
    while fold():
        pass
    FigureMinute.objects.filter(at__lt=Now() - HOURS_KEPT).delete()


def together_of(rows: list[FigureMinute]) -> FigureMinute:
    """Return the figures of `rows`, of which there is one at least, as one: sums, and the highest of what was seen."""
    sums = {name: sum(getattr(row, name) for row in rows) for name in (*_ADDED, *_ADDED_TOO)}
    highest = {
        name: max((value for row in rows if (value := getattr(row, name)) is not None), default=None)
        for name in (*_HIGHEST, *_HIGHEST_TOO)
    }
    transports = {name for row in rows for name in row.latency}
    buckets = {name: latency.total(row.latency[name] for row in rows if name in row.latency) for name in transports}
    return FigureMinute(at=rows[0].at, span=sum(row.span for row in rows), latency=buckets, **sums, **highest)
