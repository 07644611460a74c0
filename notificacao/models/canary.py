"""What became of each probe that the leading dispatcher sent itself by way of Ably."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class CanaryProbe(models.Model):
    """One probe: heard after `round_trip_ms`, or missed. The latest row is what is known of Ably now.

    `at` is the moment of its end by the database's clock. Kept for `retention.CANARY_KEPT`.
    """

    at = models.DateTimeField("quando", db_default=Now(), db_index=True)
    round_trip_ms = models.FloatField("ida e volta (ms)", null=True)
    error = models.CharField("o que houve", max_length=300, blank=True, default="")

    class Meta:
        verbose_name = "sonda do Ably"
        verbose_name_plural = "sondas do Ably"
        indexes = [models.Index(fields=["-id"], name="canary_heard", condition=Q(round_trip_ms__isnull=False))]

    def __str__(self) -> str:
        return f"{self.round_trip_ms:.1f} ms" if self.round_trip_ms is not None else f"sem retorno: {self.error}"
