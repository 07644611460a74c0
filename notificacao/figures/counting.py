"""Count the figures of the last minutes out of the tables: no process has to remember anything for it.

A minute is counted when it is over, and counted afresh while it is one of the last `RECOUNTED`, since receipts come
later than what they are for. Whoever counts finds the same.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, Exists, IntegerField, Max, Min, OuterRef, Q, QuerySet, Value, When

from notificacao import audiences, eventlog, presence, rollout
from notificacao.figures import latency
from notificacao.models import CanaryProbe, DispatchState, FigureMinute, Notification, Receipt

MINUTE = timedelta(minutes=1)
RECOUNTED = 4  # minutes: a receipt that comes later is not counted
FILLED = 10  # minutes without figures that are counted afterwards; before these there was no dispatcher
RIPE_AFTER = timedelta(seconds=120)  # since the stamp: time enough for the receipt to arrive
_FIRST_LOOK = 10_000  # rows of the log that are looked through where no minute was counted yet

SEEN = (
    "looked",
    "out_of_use",
    "on_ably",
    "on_sse",
    "streams_live",
    "streams_standby",
    "unstamped_seconds",
    "unsettled_seconds",
)
COUNTED = (
    "seq_to",
    "stamped",
    "stamped_peak",
    "published",
    "failed",
    "skipped",
    "expected",
    "missing",
    "latency",
    "probes_heard",
    "probes_missed",
)


def minute_of(moment: datetime) -> datetime:
    """Return the beginning of the minute in which `moment` lies."""
    return moment.replace(second=0, microsecond=0)


def due(now: datetime) -> list[FigureMinute]:
    """Return the minutes that are to be written at `now`, counted, in order; what is seen now is of the last one."""
    last = minute_of(now) - MINUTE
    known = FigureMinute.objects.filter(at__lte=last).aggregate(first=Min("at"), last=Max("at"))
    at = last
    if known["last"] is not None:
        at = min(known["last"] + MINUTE, last - (RECOUNTED - 1) * MINUTE)
        at = max(at, last - (FILLED - 1) * MINUTE, known["first"])
    after = _counted_to(at)
    minutes: list[FigureMinute] = []
    while at <= last:
        minutes.append(_count(at, after, now))
        after = minutes[-1].seq_to
        at += MINUTE
    for name, value in _seen_now(now).items():
        setattr(minutes[-1], name, value)
    return minutes


def write(minutes: list[FigureMinute]) -> None:
    """Write what `due` returned, over what is there; of earlier minutes what was seen then stays."""
    *earlier, last = minutes
    for rows, fields in ((earlier, COUNTED), ([last], (*COUNTED, *SEEN))):
        FigureMinute.objects.bulk_create(rows, update_conflicts=True, unique_fields=["at"], update_fields=fields)


def seq_before(moment: datetime) -> int:
    """Return a seq that was stamped before `moment`, as late a one as is known; 0 where none is."""
    known = FigureMinute.objects.filter(at__lt=moment - MINUTE).order_by("-at").values_list("seq_to", flat=True)
    return known.first() or 0


def _counted_to(at: datetime) -> int:
    """Return the seq up to which the minutes before `at` were counted.

    Where none was, or the log was set back since, it is a look back from the log's head.
    """
    seq = FigureMinute.objects.filter(at__lt=at).order_by("-at").values_list("seq_to", flat=True).first()
    head = eventlog.head().seq
    return seq if seq is not None and seq <= head else max(0, head - _FIRST_LOOK)


def _count(at: datetime, after: int, now: datetime) -> FigureMinute:
    """Return the minute that begins at `at`; nothing up to the seq `after` is of it."""
    rows = Notification.objects.filter(seq__gt=after, stamped_at__gte=at, stamped_at__lt=at + MINUTE)
    found = rows.aggregate(
        stamped=Count("pk"),
        seq_to=Max("seq"),
        **{
            state: Count("pk", filter=Q(dispatch_state=state))
            for state in (DispatchState.PUBLISHED, DispatchState.FAILED, DispatchState.SKIPPED)
        },
    )
    listened = _listened_to(rows, now).aggregate(expected=Count("pk"), missing=Count("pk", filter=Q(received=False)))
    probes = CanaryProbe.objects.filter(at__gte=at, at__lt=at + MINUTE).aggregate(
        probes_heard=Count("round_trip_ms"), probes=Count("pk")
    )
    missed = probes.pop("probes") - probes["probes_heard"]
    return FigureMinute(
        at=at,
        **found | {"seq_to": found["seq_to"] or after, "stamped_peak": found["stamped"]},
        **listened,
        **probes,
        probes_missed=missed,
        latency=_latency(rows),
    )


def _listened_to(rows: QuerySet[Notification], now: datetime) -> QuerySet[Notification]:
    """Return those of `rows` that are to have a receipt by `now`, each with whether it is `received`.

    They are on the personal channel of somebody who has a page open, and had it without a pause since the stamp.
    """
    listening = presence.reported_by_live_processes().filter(
        Q(on_sse__gt=0) | Q(on_ably__gt=0), channel=OuterRef("channel"), since__lte=OuterRef("stamped_at")
    )
    receipts = Receipt.objects.filter(notification=OuterRef("pk"), delivered_at__isnull=False)
    fresh = Q(expires_at=None) | Q(expires_at__gt=now)
    ripe = rows.filter(audiences.of_kind("user"), fresh, stamped_at__lte=now - RIPE_AFTER)
    return ripe.filter(Exists(listening)).annotate(received=Exists(receipts))


def _latency(rows: QuerySet[Notification]) -> dict[str, list[int]]:
    """Return the buckets of the receipts for `rows`, by transport."""
    edges = (When(latency_ms__lte=edge, then=Value(place)) for place, edge in enumerate(latency.EDGES))
    bucket = Case(*edges, default=Value(len(latency.EDGES)), output_field=IntegerField())
    receipts = Receipt.objects.filter(notification__in=rows, delivered_at__isnull=False, latency_ms__isnull=False)
    counted = receipts.annotate(bucket=bucket).values_list("transport", "bucket").annotate(count=Count("pk"))
    found: dict[str, list[int]] = defaultdict(latency.empty)
    for transport, place, count in counted.order_by():
        found[transport][place] = count
    return dict(found)


def _seen_now(now: datetime) -> dict[str, Any]:
    """Return what can only be seen at the moment."""
    people, pages = presence.people_connected(), presence.pages_open()
    state = rollout.current()
    return {
        "looked": 1,
        "out_of_use": int(state.configured and not state.ably_up),
        "on_ably": people.on_ably,
        "on_sse": people.on_sse,
        "streams_live": pages.live,
        "streams_standby": pages.standby,
        **waiting(now),
    }


def waiting(now: datetime) -> dict[str, float]:
    """Return the seconds for which the oldest row waits for its stamp, and for its outcome; 0 where none waits."""
    unstamped = Notification.objects.filter(seq=None).order_by("pk").values_list("created_at", flat=True).first()
    pending = Notification.objects.filter(dispatch_state=DispatchState.PENDING, seq__isnull=False).order_by("seq")
    unsettled = pending.values_list("stamped_at", flat=True).first()
    return {
        "unstamped_seconds": _age(unstamped, now),
        "unsettled_seconds": _age(unsettled, now),
    }


def _age(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
