"""Keep what a person says of the notifications once a week: "As notificações chegam a tempo?"."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from notificacao.models.rollout_plan import Arm


class Opinion(models.Model):
    """Keep one person's answer of one week, which is named by its Monday: 1 to 5, or null where they gave none.

    `arm` is the side on which the flag had the person when they answered; blank where they gave no answer, or have
    more channels than Ably can carry.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="opinions")
    week = models.DateField("semana")
    answer = models.PositiveSmallIntegerField("resposta", null=True)
    arm = models.CharField("lado", max_length=10, choices=Arm, blank=True, default="")
    at = models.DateTimeField("quando", default=timezone.now)

    class Meta:
        verbose_name = "opinião"
        verbose_name_plural = "opiniões"
        constraints = [
            models.UniqueConstraint(fields=["person", "week"], name="one_opinion_a_week"),
            models.CheckConstraint(
                condition=models.Q(answer__isnull=True) | models.Q(answer__gte=1, answer__lte=5),
                name="answer_from_1_to_5",
            ),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.week}: {self.answer or '–'}"
