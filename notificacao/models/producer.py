"""Other systems that send notifications: what each one may send, and its keys."""

from datetime import timedelta

from django.db import models
from django.utils import timezone
from rest_framework_api_key.models import AbstractAPIKey, BaseAPIKeyManager

from notificacao.models.people import Unit

KEY_LIVES = timedelta(days=365)


def a_year_ahead():
    return timezone.now() + KEY_LIVES


class Producer(models.Model):
    """Another system, and its scope: what is not named here it may not send.

    `events` are names of the catalogue; the rest of the scope is for notifications in the producer's own words.
    """

    slug = models.SlugField("identificador", max_length=40, unique=True)
    name = models.CharField("nome", max_length=100)
    is_active = models.BooleanField("ativo", default=True, help_text="Desligado, nenhuma de suas chaves vale.")
    events = models.JSONField("eventos do catálogo", default=list, blank=True)
    kinds = models.JSONField("tipos", default=list, blank=True)
    to_people = models.BooleanField("a pessoas", default=False)
    to_units = models.BooleanField("a unidades", default=False)
    to_benefits = models.BooleanField("a benefícios", default=False)
    to_everybody = models.BooleanField("a todos", default=False)
    units = models.ManyToManyField(
        Unit,
        verbose_name="unidades",
        blank=True,
        related_name="+",
        help_text="Só a estas, e a pessoas que não sejam de outras. Nenhuma: a todas.",
    )

    class Meta:
        verbose_name = "sistema produtor"
        verbose_name_plural = "sistemas produtores"
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_authenticated(self) -> bool:
        """As the user of a request."""
        return True

    @property
    def who(self) -> str:
        """As the audit trail and the limits name it."""
        return f"producer:{self.slug}"


class _Keys(BaseAPIKeyManager):
    def assign_key(self, obj: AbstractAPIKey) -> str:
        """The package puts the hash into the primary key, and so into addresses."""
        text = super().assign_key(obj)
        obj.id = obj.prefix
        return text

    def get_usable_keys(self) -> models.QuerySet:
        return super().get_usable_keys().select_related("producer")


class ProducerKey(AbstractAPIKey):
    """One key, of which the table holds a hash: several may be good at once, so that one can take another's place."""

    producer = models.ForeignKey(Producer, models.CASCADE, verbose_name="sistema produtor", related_name="keys")
    name = models.CharField("nome", max_length=50, help_text="Onde fica guardada: «servidor de benefícios».")
    revoked = models.BooleanField("revogada", default=False)
    expiry_date = models.DateTimeField("vale até", default=a_year_ahead)
    last_used_at = models.DateTimeField("usada em", null=True, editable=False, help_text="Com precisão de um minuto.")

    objects = _Keys()  # type: ignore[assignment, misc]

    class Meta(AbstractAPIKey.Meta):
        abstract = False
        verbose_name = "chave de produtor"
        verbose_name_plural = "chaves de produtores"

    def __str__(self) -> str:
        return f"{self.producer.slug} {self.prefix}"
