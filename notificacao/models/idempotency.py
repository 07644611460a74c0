"""Keep what was answered to whom under which key, so that the same request again does nothing."""

from django.db import models
from django.db.models.functions import Now


class KeptAnswer(models.Model):
    """Keep one answer. `fingerprint` is the hash of what was asked (`idempotency.fingerprint`).

    `answer` is null only within the transaction that is at work on it.
    """

    owner = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_answer_a_key")]

    def __str__(self) -> str:
        return f"{self.owner} {self.key}"
