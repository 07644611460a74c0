"""What a restore does to the log, in small: the database as it was some seqs ago."""

from django.db.models import Max

from notificacao.models import Channel, LogHead, Notification


def set_back(seq: int) -> None:
    """The log as it was when `seq` was its last: what came later never was."""
    Notification.objects.filter(seq__gt=seq).delete()
    LogHead.objects.update(seq=seq)
    for channel in Channel.objects.all():
        last = Notification.objects.filter(channel=channel.pk).aggregate(last=Max("seq"))["last"]
        Channel.objects.filter(pk=channel.pk).update(head=last or 0)
