"""Keep the other systems that send notifications, what each may send, and their keys."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from rest_framework_api_key.models import AbstractAPIKey, BaseAPIKeyManager

from notificacao.models.people import Unit

KEY_LIVES = timedelta(days=365)


def a_year_ahead():
    """Return the moment at which a key that is issued now expires unless somebody says otherwise."""
    return timezone.now() + KEY_LIVES


class Producer(models.Model):
    """Hold another system and its scope: it may not send what the scope does not name.

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
        """Return True: DRF asks this of a request's user."""
        return True

    @property
    def who(self) -> str:
        """Return the name by which the audit trail and the rate limits know the system."""
        return f"producer:{self.slug}"


class _Keys(BaseAPIKeyManager):
    def assign_key(self, obj: AbstractAPIKey) -> str:
        """Make the key's text, and its prefix the primary key: the package's own would put the hash in addresses."""
        text = super().assign_key(obj)
        obj.id = obj.prefix
        return text

    def get_usable_keys(self) -> models.QuerySet:
        return super().get_usable_keys().select_related("producer").annotate(now=Now())


class ProducerKey(AbstractAPIKey):
    """Hold the hash of one key; several of a system may be good at once, so that one can replace another."""

    producer = models.ForeignKey(Producer, models.CASCADE, verbose_name="sistema produtor", related_name="keys")
    name = models.CharField("nome", max_length=50, help_text="Onde fica guardada: «servidor de benefícios».")
    revoked = models.BooleanField("revogada", default=False)
    expiry_date = models.DateTimeField("vale até", default=a_year_ahead)
    last_used_at = models.DateTimeField("usada em", null=True, editable=False, help_text="Com precisão de um minuto.")

    now: datetime  # by the database's clock; `get_usable_keys` sets it

    objects = _Keys()  # type: ignore[assignment, misc]

    class Meta(AbstractAPIKey.Meta):
        abstract = False
        verbose_name = "chave de produtor"
        verbose_name_plural = "chaves de produtores"

    def __str__(self) -> str:
        return f"{self.producer.slug} {self.prefix}"
