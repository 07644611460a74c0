"""Keep what became of each probe that the leading dispatcher sent to itself through Ably."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class CanaryProbe(models.Model):
    """Record one probe: received after `round_trip_ms`, or missed (null, with `error`). The latest one counts.

    `at` is the moment when the probe ended, by the database's clock. Rows are kept for `retention.CANARY_KEPT`.
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
