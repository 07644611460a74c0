"""Keep the Ably tokens that are to be revoked: an outbox."""

from django.db import models
from django.db.models import Q

from notificacao.models.moment import WrittenAtField


class Revocation(models.Model):
    """Ask to revoke all tokens of `target` (`clientId:…` or `revocationKey:…`) issued before `issued_before`.

    That moment (ms) is set once the row is committed: a token issued while its transaction was open is meant too.
    """

    target = models.CharField(max_length=100, db_index=True)
    reason = models.CharField(max_length=32)
    created_at = WrittenAtField()
    issued_before = models.BigIntegerField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    try_at = WrittenAtField()
    done_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["try_at"], name="revocation_to_do", condition=Q(done_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.target} ({self.reason})"
