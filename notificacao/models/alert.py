"""Keep what operators are to know of now: each alert from its opening to its closing."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Alert(models.Model):
    """Hold one alert; it is open until `closed_at`, by the database's clock.

    `name` is an alert's name in `deploy/monitoring/rules/`, such as "BreakerOpen", and a heading of the runbook;
    `about` tells two alerts of one name apart, such as by a key's id. Of each pair one is open at most. `seen_at`
    is when somebody last found that it holds still, to within `alerts.SEEN_EVERY`.
    """

    name = models.CharField("alerta", max_length=60)
    about = models.CharField("sobre", max_length=120, blank=True, default="")
    detail = models.CharField("detalhe", max_length=300, blank=True, default="")
    opened_at = models.DateTimeField("desde", db_default=Now())
    seen_at = models.DateTimeField("confirmado em", db_default=Now())
    closed_at = models.DateTimeField("até", null=True)

    class Meta:
        verbose_name = "alerta"
        verbose_name_plural = "alertas"
        indexes = [models.Index(fields=["-opened_at"], name="alert_latest")]
        constraints = [
            models.UniqueConstraint(
                fields=["name", "about"], condition=Q(closed_at__isnull=True), name="alert_open_once"
            )
        ]

    def __str__(self) -> str:
        return self.name
