"""Record receipts: a browser's word that a notification was delivered, by which transport, and how fast."""

import random
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models.functions import Now

from notificacao import audiences, eventlog, metrics, tracing
from notificacao.conf import conf
from notificacao.database import in_one_transaction
from notificacao.models import Notification, Person, Receipt


@dataclass(frozen=True)
class Delivery:
    """Hold one notification as it came to a browser; for `held_ms` milliseconds the browser kept the receipt back."""

    id: uuid.UUID
    transport: str
    held_ms: int


def record(person: Person, deliveries: Iterable[Delivery]) -> int:
    """Keep the first receipt of each notification that `person` may see; return how many were new.

    The latency is the time from the stamp to now, both by the database's clock, less `held_ms`: an upper bound, since
    the receipt itself has travelled too.
    """
    by_id = {delivery.id: delivery for delivery in deliveries}
    channels = audiences.channels_of([person.pk]).get(person.pk, {})
    new = _record(person, channels, by_id)
    for row in new:
        delivery = by_id[row.public_id]
        metrics.DELIVERED.labels(delivery.transport).inc()
        latency_ms = _latency_ms(row, row.now, delivery)
        kind = audiences.kind_of(row.channel)
        metrics.DELIVERY_SECONDS.labels(delivery.transport, kind).observe(latency_ms / 1000)
        _trace(row, delivery, latency_ms)
    return len(new)


@in_one_transaction
def _record(person: Person, channels: Mapping[str, int], by_id: Mapping[uuid.UUID, Delivery]) -> list:
    """Keep the receipts that are new, and return their rows, each with the database's `now`."""
    person.lock()  # of two devices that tell of one notification at once, the first is kept
    rows = eventlog.permitted(channels).filter(public_id__in=by_id).annotate(now=Now())
    known = Receipt.objects.filter(person=person, notification__in=rows, delivered_at__isnull=False)
    delivered = set(known.values_list("notification_id", flat=True))
    new = [row for row in rows if row.pk not in delivered]
    kept = [_receipt(person, row, by_id[row.public_id]) for row in new if _is_kept(row)]
    Receipt.objects.bulk_create(
        kept,
        update_conflicts=True,
        unique_fields=["person", "notification"],
        update_fields=["delivered_at", "transport", "latency_ms"],
    )
    return new


def _is_kept(row: Notification) -> bool:
    """Tell whether the receipt of `row` is kept: always on personal channels, at random on shared ones.

    A notice to a unit need not make a row for each member; RECEIPT_SHARED_SAMPLE is the share that is kept.
    """
    return audiences.is_personal(row.channel) or random.random() < conf.RECEIPT_SHARED_SAMPLE  # noqa: S311


def _trace(row: Notification, delivery: Delivery, latency_ms: int) -> None:
    """End the notification's trace, from when the browser had it until its receipt is here."""
    arrived = time.time_ns() - delivery.held_ms * 1_000_000
    told = {"seq": row.seq, "transport": delivery.transport, "latency_ms": latency_ms, "held_ms": delivery.held_ms}
    tracing.note("receipt", row.traceparent, arrived, **told)


def _receipt(person: Person, row, delivery: Delivery) -> Receipt:
    return Receipt(
        person=person,
        notification=row,
        delivered_at=row.now,
        transport=delivery.transport,
        latency_ms=_latency_ms(row, row.now, delivery),
    )


def _latency_ms(row: Notification, now: datetime, delivery: Delivery) -> int:
    """Return the milliseconds from the stamp of `row` to `now`, less the time that the browser held the receipt."""
    assert row.stamped_at is not None
    since_stamp = int((now - row.stamped_at).total_seconds() * 1000)
    return max(0, since_stamp - delivery.held_ms)
