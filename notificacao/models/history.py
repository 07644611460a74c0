"""Keep, in intervals, what was true of people and of the rollout: for whoever asks why somebody received nothing."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ConnectionSpan(models.Model):
    """Hold which pages a person had open at one process from `since` until `until` (null: still), to some 5 seconds."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="connection_spans", db_constraint=False
    )
    process = models.CharField(max_length=32)
    live = models.PositiveSmallIntegerField(default=0)
    standby = models.PositiveSmallIntegerField(default=0)
    browsers = models.CharField(max_length=120, blank=True, default="")
    since = models.DateTimeField(db_default=Now(), db_index=True)
    until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["person", "-since"], name="connection_span_of_person"),
            models.Index(fields=["process"], name="connection_span_open", condition=Q(until__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.live} + {self.standby}"


class EndedMembership(models.Model):
    """Hold a membership that ended: the log's rows from `since` (exclusive) to `to_seq` were the person's to see."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="ended_memberships", db_constraint=False
    )
    role = models.CharField(max_length=20)
    unit_public_id = models.CharField(max_length=64, blank=True, default="")
    since = models.BigIntegerField()
    to_seq = models.BigIntegerField()
    ended_at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return f"{self.person_id} · {self.role}"


class RolloutSpan(models.Model):
    """Hold the flag and the breaker from `since` on, until the next row, as the leading dispatcher saw them."""

    since = models.DateTimeField(db_default=Now(), db_index=True)
    everyone = models.BooleanField(null=True)
    percent = models.DecimalField(max_digits=4, decimal_places=1)
    salt = models.CharField(max_length=32)
    breaker = models.CharField(max_length=10)
    configured = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.percent}% {self.breaker}"
