"""Keep the staged plan of the rollout: its stages, what happened to it, and what was measured while a stage ran."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from notificacao.conf import conf
from notificacao.models.append_only import AppendOnlyModel


class Arm(models.TextChoices):
    """Name what is compared: people on Ably by the flag, people on SSE, and the canary's probes, of no person."""

    ABLY = "ably", "Ably"
    CONTROL = "control", "SSE"
    CANARY = "canary", "Sondas"


class RolloutPlan(models.Model):
    """Hold a plan; the newest one counts. `position` is its stage, 0 before the first; `reason` says why it is there.

    `version` grows with each act, from one plan to the next too. The guard alone writes what it measured: `since` is
    when the percent changed (the database's clock); `counted_to` (a seq) and `probed_to` (a probe's pk) are up to
    where it has counted, null during the grace after a step. `approval` says whether a stage that is through waits
    for somebody's approval; null means as `ROLLOUT_APPROVAL` says.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Rascunho"
        RUNNING = "running", "Em andamento"
        PAUSED = "paused", "Pausado"
        AWAITING_APPROVAL = "awaiting_approval", "Aguardando aprovação"
        COMPLETED = "completed", "Concluído"
        ROLLED_BACK = "rolled_back", "Revertido"

    UNDER_WAY = (State.RUNNING, State.PAUSED, State.AWAITING_APPROVAL)
    REVERSIBLE = (*UNDER_WAY, State.COMPLETED)
    EDITABLE = (State.DRAFT, State.ROLLED_BACK)

    state = models.CharField("estado", max_length=20, choices=State, default=State.DRAFT)
    position = models.PositiveSmallIntegerField("etapa", default=0)
    version = models.PositiveIntegerField(default=0)
    reason = models.CharField("motivo", max_length=1000, blank=True, default="")
    approval = models.BooleanField("espera aprovação", null=True)
    since = models.DateTimeField("desde", null=True)
    looked_at = models.DateTimeField("verificado em", null=True)
    counted_to = models.BigIntegerField(null=True)
    probed_to = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = "plano de transição"
        verbose_name_plural = "planos de transição"
        permissions = [("run_rollout", "Pode conduzir a transição para o Ably")]

    def __str__(self) -> str:
        return f"{self.get_state_display()}, etapa {self.position}"

    @property
    def under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def is_watched(self) -> bool:
        """Tell whether the guard looks at the plan: also after its completion, when it tells and does not act."""
        return self.state in self.REVERSIBLE

    @property
    def needs_approval(self) -> bool:
        return conf.ROLLOUT_APPROVAL if self.approval is None else self.approval

    @property
    def holdback(self) -> Decimal:
        """Return the percent of people whom the last stage leaves on SSE, so that there is somebody to compare with."""
        last = self.stages.last()
        return 100 - last.percent if last else Decimal(0)


class RolloutStage(models.Model):
    """Hold a stage. The guard writes `watched` (seconds), `sample` (rows) and `gates` since the stage last began."""

    plan = models.ForeignKey(RolloutPlan, models.CASCADE, related_name="stages")
    position = models.PositiveSmallIntegerField("ordem")
    percent = models.DecimalField(
        "percentual", max_digits=4, decimal_places=1, validators=[MinValueValidator(0.1), MaxValueValidator(100)]
    )
    bake_hours = models.PositiveIntegerField("horas de observação")
    minimum_sample = models.PositiveIntegerField("amostra mínima", default=500)
    watched = models.FloatField(default=0)
    sample = models.PositiveIntegerField(default=0)
    gates = models.JSONField(default=list)

    class Meta:
        verbose_name = "etapa"
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "position"], name="one_stage_a_position"),
            models.CheckConstraint(condition=models.Q(percent__gt=0, percent__lte=100), name="stage_percent_to_100"),
        ]

    def __str__(self) -> str:
        return f"{self.percent}%"

    @property
    def bake_seconds(self) -> float:
        return 3_600.0 * self.bake_hours


class RolloutEvent(AppendOnlyModel):
    """Record one act: who (a person's public id, or `guard`, `shell`), from and to what, why, and the figures then."""

    plan = models.ForeignKey(RolloutPlan, models.PROTECT, related_name="events")
    at = models.DateTimeField("quando", default=timezone.now)
    action = models.CharField("o quê", max_length=20)
    who = models.CharField("quem", max_length=64)
    from_state = models.CharField("de", max_length=20, choices=RolloutPlan.State)
    to_state = models.CharField("para", max_length=20, choices=RolloutPlan.State)
    from_percent = models.DecimalField("do percentual", max_digits=4, decimal_places=1)
    to_percent = models.DecimalField("ao percentual", max_digits=4, decimal_places=1)
    reason = models.CharField("motivo", max_length=1000)
    figures = models.JSONField("números", default=dict)

    class Meta:
        verbose_name = "evento da transição"
        verbose_name_plural = "eventos da transição"
        ordering = ["-pk"]

    def __str__(self) -> str:
        states = f"{self.get_from_state_display()} → {self.get_to_state_display()}"
        return f"{states}, {self.from_percent}% → {self.to_percent}%"


class RolloutTally(models.Model):
    """Count what one person was shown since the stage began, and how much was late or failed; failed counts as late."""

    plan = models.ForeignKey(RolloutPlan, models.CASCADE, related_name="tallies")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    arm = models.CharField(max_length=10, choices=Arm)
    shown = models.PositiveIntegerField(default=0)
    over_100_ms = models.PositiveIntegerField(default=0)
    over_500_ms = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["plan", "person"], name="one_tally_a_person")]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.failed}/{self.shown}"


class RolloutMinute(models.Model):
    """Count what was stamped in one minute, by arm and the transport that delivered it first, blank where none did."""

    plan = models.ForeignKey(RolloutPlan, models.CASCADE, related_name="minutes")
    at = models.DateTimeField()
    arm = models.CharField(max_length=10, choices=Arm)
    transport = models.CharField(max_length=10, blank=True, default="")
    shown = models.PositiveIntegerField(default=0)
    over_100_ms = models.PositiveIntegerField(default=0)
    over_500_ms = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "at", "arm", "transport"], name="one_bucket_a_minute"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%H:%M} {self.get_arm_display()} {self.transport}".strip()
