"""The circuit breaker's state, one row for all processes."""

from django.db import models
from django.utils import timezone


class BreakerState(models.Model):
    """Written by the dispatcher, read by hubs and by the session endpoint. It starts open: Ably was not reached yet."""

    class State(models.TextChoices):
        CLOSED = "closed", "Fechado (Ably em uso)"
        OPEN = "open", "Aberto (somente SSE)"
        HALF_OPEN = "half_open", "Em prova"

    name = models.CharField(max_length=32, primary_key=True)
    state = models.CharField("estado", max_length=10, choices=State, default=State.OPEN)
    reason = models.CharField("motivo", max_length=300, blank=True, default="")
    changed_at = models.DateTimeField("desde", default=timezone.now)

    class Meta:
        verbose_name = "disjuntor"
        verbose_name_plural = "disjuntores"

    def __str__(self) -> str:
        return f"{self.name}: {self.get_state_display()}"
