"""Measure what the leader shows of the tables: how long rows wait, and when keys end."""

from datetime import datetime

from django.db.models import Min
from django.db.models.functions import Now

from notificacao import eventlog, metrics
from notificacao.models import DispatchState, Notification, ProducerKey


def measure() -> None:
    """Show how long the oldest row waits for its stamp, and how long ago the oldest unsettled one had it."""
    now = eventlog.now()
    rows = Notification.objects
    created = rows.filter(seq=None).order_by("pk").values_list("created_at", flat=True).first()
    unsettled = rows.filter(dispatch_state=DispatchState.PENDING, seq__isnull=False)
    stamped = unsettled.order_by("seq").values_list("stamped_at", flat=True).first()
    metrics.OLDEST_UNSTAMPED_SECONDS.set(_age(created, now))
    metrics.OLDEST_UNSETTLED_SECONDS.set(_age(stamped, now))


def show_ends_of_keys() -> None:
    """Show when the next key of a producer ends, of those that are good now. Keys in the settings have no end."""
    good = ProducerKey.objects.filter(revoked=False, producer__is_active=True, expiry_date__gt=Now())
    ends = good.aggregate(next=Min("expiry_date"))["next"]
    metrics.KEY_ENDS.labels("producer").set(ends.timestamp() if ends else 0)


def _age(moment: datetime | None, now: datetime) -> float:
    """Return the seconds since `moment`, 0 where there is none."""
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
