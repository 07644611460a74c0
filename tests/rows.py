"""Rows of the log for tests that start where the log is already written."""

from datetime import timedelta

from django.utils import timezone

from notificacao.models import Channel, Notification


def write(channel: str, **fields) -> Notification:
    """A committed row that nobody stamped yet."""
    return Notification.objects.create(
        channel=channel, **{"title": "Nova solicitação", "message": "Há algo a fazer.", **fields}
    )


def write_stamped(seq: int, channel: str = "system:notifications", **fields) -> Notification:
    """A row as the stamper leaves it, and its channel."""
    Channel.objects.update_or_create(pk=channel, defaults={"head": seq})
    return write(channel, seq=seq, **{"prev_seq": 0, **fields})


def let_leases_run_out() -> None:
    """What is claimed may be claimed again."""
    Notification.objects.exclude(lease_until=None).update(lease_until=timezone.now() - timedelta(seconds=1))
