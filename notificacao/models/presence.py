"""Keep which channels have subscribers and who is connected, as each living web process reports of itself."""

from django.conf import settings
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


class Connection(models.Model):
    """Hold the pages that one person has open at one process; gone with the last of them, or with the process.

    Its keys are not the database's to hold: the version before deletes processes and people, and does not know it.
    `live` and `standby` are pages by lane: those in standby get their notifications by Ably. `browsers` is told in a
    few words and tells no version: "Firefox no Windows".
    """

    process = models.ForeignKey(WebProcess, models.CASCADE, related_name="connections", db_constraint=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="connections", db_constraint=False
    )
    live = models.PositiveSmallIntegerField(default=0)
    standby = models.PositiveSmallIntegerField(default=0)
    browsers = models.CharField("navegador", max_length=120, blank=True, default="")
    since = models.DateTimeField("desde", db_default=Now())

    class Meta:
        verbose_name = "conexão"
        verbose_name_plural = "quem está conectado"
        constraints = [models.UniqueConstraint(fields=["process", "person"], name="person_told_once_a_process")]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.live} + {self.standby}"
