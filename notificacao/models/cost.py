"""Keep what Ably will bill, by day, and what the governor does about the month's budget."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from notificacao.models.notification import Priority


class CostMeter(models.Model):
    """Hold how much of one kind was used on one day of the city's calendar; only messages have a priority.

    Messages count as Ably bills them, in units of 5 KiB. What lasts counts in seconds of one connection, channel or
    person. `moved` are messages that Ably would have billed and that the governor sent by SSE. Rows are kept for
    `meters.KEPT`.
    """

    class Kind(models.TextChoices):
        PUBLISHED = "published", "Mensagens publicadas"
        DELIVERED = "delivered", "Mensagens entregues"
        MOVED = "moved", "Mensagens passadas ao SSE"
        CONNECTED = "connected", "Conexões (segundos)"
        CHANNELS = "channels", "Canais (segundos)"
        PROBES = "probes", "Mensagens das sondas"
        PROBING = "probing", "Conexão e canal das sondas (segundos)"
        ASSIGNED = "assigned", "Pessoas no Ably pela chave (segundos)"
        METERED = "metered", "Tempo medido (segundos)"

    day = models.DateField("dia")
    kind = models.CharField("o quê", max_length=10, choices=Kind)
    priority = models.CharField("prioridade", max_length=10, blank=True, default="")
    amount = models.BigIntegerField("quanto", default=0)

    class Meta:
        verbose_name = "medida de custo"
        verbose_name_plural = "medidas de custo"
        constraints = [models.UniqueConstraint(fields=["day", "kind", "priority"], name="one_meter_a_day")]

    def __str__(self) -> str:
        return f"{self.day:%d/%m/%Y} {self.get_kind_display()} {self.priority}".strip()


class CostGovernor(models.Model):
    """Say, in its one row, pk 1, which priorities go by SSE so that the month keeps its budget.

    Staff write `mode`, `mode_by` and `mode_at`; the leading dispatcher writes the rest: `level`, why and since when,
    up to where it has metered (`sampled_at` by the database's clock, `probed_to` a probe's pk, `assigned` people).
    """

    class Mode(models.TextChoices):
        OFF = "off", "Desligado"
        DRY_RUN = "dry_run", "Ensaio: só diz o que faria"
        ON = "on", "Ligado"

    class Level(models.IntegerChoices):
        NONE = 0, "Nada passa ao SSE"
        LOW = 1, "Prioridade baixa por SSE"
        NORMAL = 2, "Prioridades baixa e normal por SSE"

    MOVES = {
        Level.NONE: frozenset[str](),
        Level.LOW: frozenset({str(Priority.BAIXA)}),
        Level.NORMAL: frozenset({str(Priority.BAIXA), str(Priority.NORMAL)}),
    }

    mode = models.CharField("modo", max_length=10, choices=Mode, default=Mode.DRY_RUN)
    mode_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, verbose_name="por", related_name="+", null=True, blank=True
    )
    mode_at = models.DateTimeField("modo desde", null=True, blank=True)
    level = models.PositiveSmallIntegerField("nível", choices=Level, default=Level.NONE)
    reason = models.CharField("motivo", max_length=300, blank=True, default="")
    changed_at = models.DateTimeField("desde", default=timezone.now)
    sampled_at = models.DateTimeField(null=True)
    probed_to = models.BigIntegerField(default=0)
    assigned = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "custo"
        verbose_name_plural = "custo"
        permissions = [("govern_cost", "Pode ligar e desligar o controle do custo")]

    def __str__(self) -> str:
        return self.get_level_display()

    @property
    def by_sse(self) -> frozenset[str]:
        """Return the priorities that are kept off Ably now; none in a dry run, and never high or urgent."""
        return self.MOVES[self.Level(self.level)] if self.mode == self.Mode.ON else self.MOVES[self.Level.NONE]
