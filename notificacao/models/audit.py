"""Keep the audit trail: who did what, when, from where; written once, never changed."""

from django.db import models
from django.utils import timezone

from notificacao.models.append_only import AppendOnlyModel


class AuditEvent(AppendOnlyModel):
    """Record one act. `who` is a person's public id or a producer's name, blank where nobody is known.

    `data` is small, and holds neither secrets nor the text of notifications.
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
        ROLLOUT_CHANGED = "rollout_changed", "Transição alterada"
        COST_GOVERNED = "cost_governed", "Controle do custo"
        STREAM_REFUSED = "stream_refused", "Fluxo recusado"
        ACCESS_DENIED = "access_denied", "Acesso negado"
        LOGGED_IN = "logged_in", "Entrada"
        LOGIN_FAILED = "login_failed", "Entrada recusada"
        ALARM_RAISED = "alarm_raised", "Alerta de acessos negados"
        NOTIFICATION_SENT = "notification_sent", "Notificação enviada na administração"
        SENT_AGAIN = "sent_again", "Notificação enviada novamente"
        ROLE_GIVEN = "role_given", "Poder concedido"
        ACCOUNT_CHANGED = "account_changed", "Conta alterada"
        AUDIT_EXPORTED = "audit_exported", "Auditoria exportada"
        REACH_EXPORTED = "reach_exported", "Alcance de notificação exportado"
        PERSON_EXPORTED = "person_exported", "Dados de pessoa exportados"
        PERSON_ERASED = "person_erased", "Dados de pessoa eliminados"
        PERSONAL_DATA_SENT = "personal_data_sent", "Dado pessoal enviado a canal compartilhado"

    at = models.DateTimeField("quando", default=timezone.now, db_index=True)
    action = models.CharField("o quê", max_length=32, choices=Action)
    who = models.CharField("quem", max_length=64, blank=True, default="", db_index=True)
    ip = models.GenericIPAddressField("de onde", null=True)
    reason = models.CharField("motivo", max_length=100, blank=True, default="")
    data = models.JSONField("dados", default=dict)

    class Meta:
        verbose_name = "registro de auditoria"
        verbose_name_plural = "registros de auditoria"
        ordering = ["-pk"]
        # Tokens are nearly all of the trail, and nobody looks for them by their kind alone.
        indexes = [models.Index(fields=["action", "at"], name="audit_acts", condition=~models.Q(action="token_issued"))]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.who} {self.reason}".strip()


class AuditLink(models.Model):
    """Hold the place of one event in the chain of `audit_chain.py`; both are unset while the event waits for it.

    A trigger writes the row with the event, which it outlives: the event of a link that has none was deleted.
    """

    event_id = models.BigIntegerField(primary_key=True)
    position = models.BigIntegerField(null=True, unique=True)
    hash = models.CharField(max_length=64, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.event_id} · {self.position}"


class AuditAnchor(models.Model):
    """Hold in its one row, pk 1, the place and hash of the last event that retention took.

    The table of events lets go of nothing beyond it.
    """

    position = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True, default="")

    def __str__(self) -> str:
        return str(self.position)
