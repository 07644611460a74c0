"""Keep notifications: one row for one channel. The row is the outbox."""

import uuid
from datetime import UTC, datetime

import uuid_utils.compat
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from notificacao import tracing
from notificacao.models.checked import DataField, LineField, LinkField, ProseField
from notificacao.models.moment import WrittenAtField

MESSAGE_MAX = 500  # characters
SYSTEM_CHANNEL = "system:notifications"  # its messages may have twice as many characters
_FAR = datetime(9000, 1, 1, tzinfo=UTC)  # Python reads no moment beyond the year 9999


def uuid7() -> uuid.UUID:
    """Return a UUID that grows with time (RFC 9562, version 7)."""
    return uuid_utils.compat.uuid7()


class Kind(models.TextChoices):
    SISTEMA = "sistema", _("Sistema")
    SOLICITACAO = "solicitacao", _("Solicitação")
    PENDENCIA = "pendencia", _("Pendência")
    APROVACAO = "aprovacao", _("Aprovação")
    LIBERACAO = "liberacao", _("Liberação")
    ALERTA = "alerta", _("Alerta")
    ACOMPANHAMENTO = "acompanhamento", _("Acompanhamento")
    PAGAMENTO = "pagamento", _("Pagamento")
    MANUTENCAO = "manutencao", _("Manutenção")


class Priority(models.TextChoices):
    BAIXA = "baixa", _("Baixa")
    NORMAL = "normal", _("Normal")
    ALTA = "alta", _("Alta")
    URGENTE = "urgente", _("Urgente")


class DispatchState(models.TextChoices):
    """Say what became of the attempt to publish to Ably; SSE needs none."""

    PENDING = "pending", "Aguardando"
    PUBLISHED = "published", "Publicada no Ably"
    FAILED = "failed", "Falhou no Ably"
    SKIPPED = "skipped", "Somente SSE"


class Notification(models.Model):
    """Hold content, which the producer writes, and dispatch columns, which the dispatcher alone writes.

    `seq` and `prev_seq` are null until the row is stamped. `save()` of an existing row never writes a dispatch column.
    """

    DISPATCH_FIELDS = frozenset(
        {"seq", "prev_seq", "stamped_at", "dispatch_state", "lease", "lease_until", "attempts", "error", "settled_at"}
    )

    public_id = models.UUIDField(unique=True, default=uuid7, editable=False)
    event_id = models.UUIDField(editable=False, db_index=True)
    channel = models.CharField("canal", max_length=120)
    kind = models.CharField("tipo", max_length=20, choices=Kind, default=Kind.SISTEMA)
    priority = models.CharField("prioridade", max_length=10, choices=Priority, default=Priority.NORMAL)
    title = LineField("título", max_length=100)
    message = ProseField("mensagem", max_length=1000)
    link = LinkField("link", max_length=500, blank=True, default="")
    data = DataField("dados", default=dict, blank=True)
    created_at = WrittenAtField("criada em", editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        verbose_name="criada por",
        related_name="+",
        null=True,
        blank=True,
        editable=False,
    )
    producer = models.ForeignKey(
        "Producer",
        models.PROTECT,
        verbose_name="sistema produtor",
        related_name="+",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
    )
    expires_at = models.DateTimeField("expira em", null=True, blank=True)
    traceparent = models.CharField(  # noqa: DJ001 – null: not traced, and an older process writes none
        max_length=55, null=True, default=tracing.current, editable=False
    )

    seq = models.BigIntegerField(unique=True, null=True, editable=False)
    prev_seq = models.BigIntegerField(null=True, editable=False)
    stamped_at = models.DateTimeField("registrada em", null=True, editable=False)
    dispatch_state = models.CharField(
        "envio", max_length=10, choices=DispatchState, default=DispatchState.PENDING, editable=False
    )
    lease = models.CharField(max_length=64, blank=True, default="", editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField("tentativas", default=0, editable=False)
    error = models.CharField("erro", max_length=300, blank=True, default="", editable=False)
    settled_at = models.DateTimeField("concluída em", null=True, editable=False)

    class Meta:
        verbose_name = "notificação"
        verbose_name_plural = "notificações"
        constraints = [
            models.CheckConstraint(
                condition=Q(link="") | Q(link__startswith="/") | Q(link__startswith="https://"),
                name="notification_link_runs_nothing",
            ),
            models.CheckConstraint(
                condition=Q(channel=SYSTEM_CHANNEL) | Q(LessThanOrEqual(Length("message"), MESSAGE_MAX)),
                name="notification_message_fits_its_channel",
            ),
            models.CheckConstraint(condition=Q(expires_at__lt=_FAR), name="notification_can_be_read"),
        ]
        permissions = [("send_personal_data", "Pode enviar dado pessoal a canais compartilhados")]
        indexes = [
            models.Index(fields=["channel", "seq"], name="notification_channel_seq"),
            models.Index(fields=["id"], name="notification_unstamped", condition=Q(seq__isnull=True)),
            models.Index(
                fields=["seq"],
                name="notification_to_dispatch",
                condition=Q(dispatch_state="pending", seq__isnull=False),
            ),
            models.Index(fields=["id"], name="notification_failed", condition=Q(dispatch_state="failed")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.public_id}"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # An event of one row carries the row's own id. Where the column is deferred, asking for it would query.
        if "event_id" in self.__dict__ and self.event_id is None:
            self.event_id = self.public_id

    def save(self, *args, update_fields=None, **kwargs):
        if not self._state.adding:
            written = {field.name for field in self._meta.concrete_fields if not field.primary_key}
            update_fields = (written if update_fields is None else set(update_fields)) - self.DISPATCH_FIELDS
        super().save(*args, update_fields=update_fields, **kwargs)

    @property
    def asks_for_acknowledgement(self) -> bool:
        """Return whether whoever gets it is asked for a formal acknowledgement (ciência)."""
        return self.priority in (Priority.ALTA, Priority.URGENTE)
