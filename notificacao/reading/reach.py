"""Tell how far one notification came: whom it was for, and who has it, read it and acknowledged it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection
from django.db.models import BooleanField, Case, Count, F, FilteredRelation, Q, QuerySet, When
from django.db.models.functions import Coalesce

from notificacao import audiences
from notificacao.models import Notification, Person, Receipt

GOAL_MS, CRITICAL_MS = 100, 500  # the plan's goal of latency, and what it calls critical
_BATCH = 1_000  # people


class Lacking(StrEnum):
    """Name what somebody of an audience has not done."""

    DELIVERY = "delivery"
    READING = "reading"
    ACKNOWLEDGEMENT = "acknowledgement"


_LACKS = {
    Lacking.DELIVERY: Q(delivered_at=None),
    Lacking.READING: Q(has_read=False),
    Lacking.ACKNOWLEDGEMENT: Q(acknowledged_at=None),
}


@dataclass(frozen=True)
class Way:
    """Count the deliveries by one transport: all, within the goal's GOAL_MS, and beyond CRITICAL_MS."""

    transport: Receipt.Transport
    delivered: int
    within_goal: int
    critical: int


@dataclass(frozen=True)
class Reached:
    """Count the people of one notification: `audience` is all, of whom the others are parts."""

    audience: int
    delivered: int
    read: int
    acknowledged: int
    ways: list[Way]


def people_of(row: Notification) -> QuerySet:
    """Return whom `row` was for, by name: who may see it now, and who had it before their access ended.

    Each has `delivered_at`, `transport`, `latency_ms`, `read_at` and `acknowledged_at` (None where there is none),
    `has_read`, and `still_sees`: whether they may see it now. Before it is stamped that is who may subscribe.
    """
    seeing = audiences.subscribers(row.channel, row.seq).values("pk")
    had = Receipt.objects.filter(notification=row).values("person")
    return (
        Person.objects.filter(pk__in=seeing.union(had))
        .annotate(
            receipt=FilteredRelation("receipts", condition=Q(receipts__notification=row)),
            mark=FilteredRelation("read_marks", condition=Q(read_marks__channel=row.channel)),
            delivered_at=F("receipt__delivered_at"),
            transport=F("receipt__transport"),
            latency_ms=F("receipt__latency_ms"),
            read_at=F("receipt__read_at"),
            acknowledged_at=F("receipt__formally_acknowledged_at"),
            has_read=Coalesce(F("receipt__read"), _holds(Q(mark__seq__gte=row.seq or 0)), output_field=BooleanField()),
            still_sees=_holds(Q(pk__in=seeing)),
        )
        .order_by("first_name", "last_name", "username")
    )


def _holds(condition: Q) -> Case:
    return Case(When(condition, then=True), default=False, output_field=BooleanField())


def lacking(people: QuerySet, what: Lacking) -> QuerySet:
    """Return those of `people_of` a row who lack `what` and may still see the row."""
    return people.filter(_LACKS[what], still_sees=True)


def acknowledged(rows: Iterable[Notification]) -> dict[int, int]:
    """Return `{row pk: people who acknowledged it}` of those of `rows` that somebody acknowledged, in one query."""
    gave = Receipt.objects.filter(notification__in=[row.pk for row in rows], formally_acknowledged_at__isnull=False)
    return dict(gave.values("notification").annotate(people=Count("pk")).values_list("notification", "people"))


def in_batches(row: Notification) -> Iterator[Person]:
    """Yield `people_of` the row by pk, of whom `_BATCH` at a time are in memory.

    Whoever reads slowly holds no connection meanwhile, unless within a transaction of the caller's.
    """
    last = 0
    while batch := list(people_of(row).filter(pk__gt=last).order_by("pk")[:_BATCH]):
        last = batch[-1].pk
        if not connection.in_atomic_block:
            connection.close()
        yield from batch


def reached(row: Notification) -> Reached:
    """Count whom `row` was for and how far it came with them."""
    counted = people_of(row).aggregate(
        audience=Count("pk"),
        delivered=Count("pk", filter=Q(delivered_at__isnull=False)),
        read=Count("pk", filter=Q(has_read=True)),
        acknowledged=Count("pk", filter=Q(acknowledged_at__isnull=False)),
    )
    return Reached(**counted, ways=_ways(row))


def _ways(row: Notification) -> list[Way]:
    receipts = Receipt.objects.filter(notification=row, delivered_at__isnull=False)
    counted = receipts.values("transport").annotate(
        delivered=Count("pk"),
        within_goal=Count("pk", filter=Q(latency_ms__lte=GOAL_MS)),
        critical=Count("pk", filter=Q(latency_ms__gt=CRITICAL_MS)),
    )
    columns = ("transport", "delivered", "within_goal", "critical")
    ways = (Way(Receipt.Transport(name), *counts) for name, *counts in counted.values_list(*columns))
    return sorted(ways, key=lambda way: (-way.delivered, way.transport))
