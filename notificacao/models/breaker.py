"""Keep the circuit breaker's state, in one row for all processes."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class BreakerState(models.Model):
    """Say whether Ably is in use, to hubs and to the session endpoint. It starts open: Ably was not reached yet.

    The dispatcher writes what it found out; staff write `forced` through `rollout/breaker_override.py`. Neither writes
    the other's columns.
    """

    class State(models.TextChoices):
        CLOSED = "closed", "Ably em uso"
        OPEN = "open", "Ably suspenso: todos por SSE"
        HALF_OPEN = "half_open", "Ably em prova: por ora todos por SSE"

    class Forced(models.TextChoices):
        NO = "", "Automático"
        CLOSED = "closed", "Ably em uso, mesmo com falhas"
        OPEN = "open", "Ably suspenso: todos por SSE"

    name = models.CharField(max_length=32, primary_key=True)
    state = models.CharField("estado", max_length=10, choices=State, default=State.OPEN)
    reason = models.CharField("motivo", max_length=300, blank=True, default="")
    changed_at = models.DateTimeField("desde", default=timezone.now)
    forced = models.CharField(
        "comando",
        max_length=10,
        choices=Forced,
        blank=True,
        default=Forced.NO,
        help_text="Vale em um segundo, até ser desfeito. Ably suspenso: nada vai ao Ably. "
        "Ably em uso: o envio ao Ably continua mesmo falhando (o motivo mostra a última falha), e o que falha "
        "segue por SSE.",
    )
    forced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, verbose_name="por", related_name="+", null=True, blank=True
    )
    forced_at = models.DateTimeField("comandado em", null=True, blank=True)

    class Meta:
        verbose_name = "disjuntor"
        verbose_name_plural = "disjuntores"
        permissions = [("force_breaker", "Pode forçar o disjuntor")]

    def __str__(self) -> str:
        return self.get_state_display()

    @property
    def in_force(self) -> str:
        """Return the state that all processes act upon: the forced one, else the one that the dispatcher found."""
        return self.forced or self.state
