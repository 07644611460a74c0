"""Keep which channels have subscribers: each web process reports its own, and that it is alive."""

from django.db import models
from django.db.models.functions import Now


class WebProcess(models.Model):
    """Hold one run of a web process; what it reported no longer counts once `seen_at` (the database's clock) is old."""

    name = models.CharField(max_length=32, primary_key=True)
    seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class ActiveChannel(models.Model):
    """Hold how many people of one process are on a channel; `since` is when the first came, or the last left."""

    process = models.ForeignKey(WebProcess, models.CASCADE, related_name="channels")
    channel = models.CharField(max_length=120)
    on_sse = models.PositiveIntegerField(default=0)
    on_ably = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "canal ativo"
        verbose_name_plural = "canais ativos"
        constraints = [models.UniqueConstraint(fields=["process", "channel"], name="channel_told_once_a_process")]

    def __str__(self) -> str:
        return self.channel
