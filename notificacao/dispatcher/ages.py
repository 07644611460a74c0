"""Measure what the leader shows of the tables: how long rows wait, and when keys end."""

from django.db.models import Min
from django.db.models.functions import Now

from notificacao import eventlog, metrics
from notificacao.figures import counting
from notificacao.models import ProducerKey


def measure() -> None:
    """Show how long the oldest row waits for its stamp, and how long ago the oldest unsettled one had it."""
    waiting = counting.waiting(eventlog.now())
    metrics.OLDEST_UNSTAMPED_SECONDS.set(waiting["unstamped_seconds"])
    metrics.OLDEST_UNSETTLED_SECONDS.set(waiting["unsettled_seconds"])


def show_ends_of_keys() -> None:
    """Show when the next key of a producer ends, of those that are good now. Keys in the settings have no end."""
    good = ProducerKey.objects.filter(revoked=False, producer__is_active=True, expiry_date__gt=Now())
    ends = good.aggregate(next=Min("expiry_date"))["next"]
    metrics.KEY_ENDS.labels("producer").set(ends.timestamp() if ends else 0)
