"""The audit trail: who did what, when, from where; written once, never changed."""

from django.db import models
from django.utils import timezone


class AppendOnly(Exception):
    """An audit event is neither changed nor deleted."""

    def __init__(self) -> None:
        super().__init__("An audit event is written once: record another one instead.")


class _AppendOnlySet(models.QuerySet):
    def update(self, **kwargs):
        raise AppendOnly

    def delete(self):
        raise AppendOnly


class AuditEvent(models.Model):
    """`who` is a person's public id or a producer, blank where nobody is known.

    `data` is small and holds no secret and no text.
    """

    class Action(models.TextChoices):
        TOKEN_ISSUED = "token_issued", "Token do Ably emitido"
        TOKEN_REFUSED = "token_refused", "Token do Ably recusado"
        TOKENS_REVOKED = "tokens_revoked", "Tokens do Ably revogados"
        PRODUCER_SENT = "producer_sent", "Sistema produtor enviou"
        PRODUCER_REFUSED = "producer_refused", "Sistema produtor recusado"
        PRODUCER_CHANGED = "producer_changed", "Sistema produtor alterado"
        KEY_ISSUED = "key_issued", "Chave de produtor emitida"
        KEY_REVOKED = "key_revoked", "Chave de produtor revogada"
        PERSONAL_DATA_SENT = "personal_data_sent", "Dado pessoal enviado a canal compartilhado"

    at = models.DateTimeField("quando", default=timezone.now, db_index=True)
    action = models.CharField("o quê", max_length=32, choices=Action)
    who = models.CharField("quem", max_length=64, blank=True, default="", db_index=True)
    ip = models.GenericIPAddressField("de onde", null=True)
    reason = models.CharField("motivo", max_length=100, blank=True, default="")
    data = models.JSONField("dados", default=dict)

    objects = _AppendOnlySet.as_manager()

    class Meta:
        verbose_name = "evento de auditoria"
        verbose_name_plural = "auditoria"
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.who} {self.reason}".strip()

    def save(self, *args, **kwargs) -> None:
        """Raises AppendOnly."""
        if not self._state.adding:
            raise AppendOnly
        kwargs["force_insert"] = True  # else a row of a known pk would be written over
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        """Raises AppendOnly."""
        raise AppendOnly
