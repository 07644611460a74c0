"""Rows of the log for tests that start where the log is already written."""

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
