"""Keep what became of a notification at one person: delivered (Receipt), read (ReadMark and its exceptions)."""

from django.conf import settings
from django.db import models

from notificacao.models.notification import Notification


class Receipt(models.Model):
    """Hold delivery and reading of one notification by one person; a row may hold either or both."""

    class Transport(models.TextChoices):
        ABLY = "ably", "Ably"
        SSE = "sse", "SSE"
        STANDBY = "standby", "SSE (reserva)"
        REST = "rest", "Consulta"
        UNABLE = "unable", "SSE (o navegador não verifica o Ably)"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="receipts")
    notification = models.ForeignKey(Notification, models.CASCADE, related_name="receipts")
    delivered_at = models.DateTimeField("entregue em", null=True)
    transport = models.CharField("por", max_length=10, choices=Transport, blank=True, default="")
    latency_ms = models.PositiveIntegerField(
        "latência (ms)", null=True, help_text="Do carimbo ao recibo, menos o que o navegador o reteve."
    )
    read = models.BooleanField("lida", null=True, help_text="Exceção à marca de leitura do canal; vazio: vale a marca.")
    read_at = models.DateTimeField("lida em", null=True)
    archived_at = models.DateTimeField("arquivada em", null=True)
    formally_acknowledged_at = models.DateTimeField("ciência em", null=True)

    class Meta:
        verbose_name = "recibo"
        verbose_name_plural = "recibos"
        constraints = [models.UniqueConstraint(fields=["person", "notification"], name="one_receipt_per_person")]
        # What somebody marked as not read is looked for at each count, and is little among all that they received.
        indexes = [
            models.Index(
                fields=["person"],
                name="receipt_marked_unread",
                condition=models.Q(read=False, archived_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.person_id} · {self.notification_id}"


class ReadMark(models.Model):
    """Hold the seq up to which `person` has read all of `channel`, except as their receipts say.

    `before` is where the mark stood until it was raised at `raised_at`: to there it goes back where that is undone.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="read_marks")
    channel = models.CharField(max_length=120)
    seq = models.BigIntegerField(default=0)
    before = models.BigIntegerField(default=0, db_default=0)
    raised_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "channel"], name="one_read_mark_per_channel")]

    def __str__(self) -> str:
        return f"{self.person_id} · {self.channel} ≤ {self.seq}"
