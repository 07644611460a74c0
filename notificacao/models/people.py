"""Keep people, units, benefit types, and the memberships that join them."""

import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.db.models import Q, QuerySet, Value
from django.dispatch import Signal

from notificacao.models.log import LogPositionField

ID = r"\A[A-Za-z0-9_-]{1,64}\Z"  # what may stand in a channel's name, in the dialect of Python and PostgreSQL


def named_safely(field: str, name: str) -> models.CheckConstraint:
    """Return a constraint: what `field` holds may stand in a channel's name, however the row is written."""
    return models.CheckConstraint(
        condition=Q(**{f"{field}__regex": ID}),
        name=name,
        violation_error_message="Use de 1 a 64 letras sem acento, algarismos, hífens ou sublinhados.",
    )


def opaque_id() -> str:
    """Return a random id for channel names: 16 characters of `A-Z a-z 0-9 _ -`."""
    return secrets.token_urlsafe(12)


class Person(AbstractUser):
    """Hold somebody who logs in."""

    public_id = models.CharField(max_length=64, unique=True, default=opaque_id, editable=False)
    since = LogPositionField()

    class Meta:
        verbose_name = "pessoa"
        verbose_name_plural = "pessoas"
        constraints = [named_safely("public_id", "person_named_safely")]

    @transaction.atomic  # the revocation of tokens is written together with the change that calls for it
    def save(self, *args, **kwargs) -> None:
        self.username = self.normalize_username(self.username)
        super().save(*args, **kwargs)

    @classmethod
    def named(cls, *names: str) -> QuerySet["Person"]:
        """Return the people of these user names, however their accents are encoded."""
        return cls.objects.filter(username__in=[cls.normalize_username(name.strip()) for name in names])

    def lock(self) -> None:
        """Hold this person's row until the end of the transaction: what two devices change, they change in turn.

        On SQLite a transaction that writes is alone already.
        """
        Person.objects.select_for_update(no_key=True).filter(pk=self.pk).values_list("pk").first()

    def __str__(self) -> str:
        name = self.get_full_name()
        return f"{name} ({self.username})" if name else self.username


class BenefitType(models.Model):
    """Hold a kind of benefit, which has a channel of its own, named by the slug."""

    slug = models.SlugField("identificador", max_length=64, unique=True)
    name = models.CharField("nome", max_length=100)

    class Meta:
        verbose_name = "benefício"
        verbose_name_plural = "benefícios"
        ordering = ["name"]
        constraints = [named_safely("slug", "benefit_named_safely")]

    def __str__(self) -> str:
        return self.name


units_close = Signal()  # with `units`: active ones, locked, that one UPDATE is about to make inactive


class UnitQuerySet(QuerySet["Unit"]):
    """Say which units a bulk update closes, as a unit's own `save` does."""

    @transaction.atomic  # what their people are told is written together with it
    def update(self, **values) -> int:
        """Update the rows. Sends `units_close` first, where some of them become inactive."""
        if "status" in values:
            after = values["status"]
            after = after if hasattr(after, "resolve_expression") else Value(after)
            closing = self.filter(status=Unit.Status.ACTIVE).annotate(status_after=after)
            closing = closing.filter(status_after=Unit.Status.INACTIVE).order_by("pk").select_for_update()
            if units := list(closing):
                units_close.send(Unit, units=units)
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]


class Unit(models.Model):
    """Hold a unit of the department, which has a channel of its own, named by its public id."""

    class Kind(models.TextChoices):
        CRAS = "cras", "CRAS"
        CREAS = "creas", "CREAS"
        CENTRO_POP = "centro_pop", "Centro POP"
        SEMTAS = "semtas", "SEMTAS"
        OUTRO = "outro", "Outro"

    class Status(models.TextChoices):
        ACTIVE = "ativa", "Ativa"
        INACTIVE = "inativa", "Inativa"

    public_id = models.CharField(max_length=64, unique=True, default=opaque_id, editable=False)
    code = models.CharField("código", max_length=20, unique=True)
    name = models.CharField("nome", max_length=100)
    sigla = models.CharField("sigla", max_length=20, blank=True)
    kind = models.CharField("tipo", max_length=20, choices=Kind)
    status = models.CharField("situação", max_length=10, choices=Status, default=Status.ACTIVE)
    benefits = models.ManyToManyField(BenefitType, verbose_name="benefícios", blank=True, related_name="units")

    objects = UnitQuerySet.as_manager()

    class Meta:
        verbose_name = "unidade"
        verbose_name_plural = "unidades"
        ordering = ["code"]
        constraints = [named_safely("public_id", "unit_named_safely")]

    def __str__(self) -> str:
        return f"{self.code} – {self.name}"

    @transaction.atomic  # what its people are told of a change is written together with it
    def save(self, *args, **kwargs) -> None:
        super().save(*args, **kwargs)


class Role(models.TextChoices):
    CIDADAO = "CIDADAO", "Cidadão"
    TECNICO = "TECNICO", "Técnico"
    ASSISTENTE_SOCIAL = "ASSISTENTE_SOCIAL", "Assistente social"
    COORDENADOR = "COORDENADOR", "Coordenador"
    TECNICO_SEMTAS = "TECNICO_SEMTAS", "Técnico SEMTAS"
    GESTOR = "GESTOR", "Gestor"
    AUDITOR = "AUDITOR", "Auditor"
    ADMIN = "ADMIN", "Administrador"

    @classmethod
    def of_a_unit(cls) -> list["Role"]:
        """Return the roles that are held in one unit; the others are held in none."""
        return [cls.TECNICO, cls.ASSISTENTE_SOCIAL, cls.COORDENADOR]


class MembershipMoved(ValueError):
    """Refuse to make one membership into another, which would open what its unit was told before."""

    def __init__(self) -> None:
        super().__init__("A membership only begins and ends: delete it and create another one.")


class Membership(models.Model):
    """Join a person with a role and the unit where it is held, or none. It only begins and ends.

    The person sees the shared channels that come with it from the seq `since` on.
    """

    person = models.ForeignKey(Person, models.CASCADE, verbose_name="pessoa", related_name="memberships")
    role = models.CharField("papel", max_length=20, choices=Role)
    unit = models.ForeignKey(
        Unit, models.CASCADE, verbose_name="unidade", related_name="memberships", null=True, blank=True
    )
    since = LogPositionField()
    created_at = models.DateTimeField("desde", auto_now_add=True)

    class Meta:
        verbose_name = "função e unidade"
        verbose_name_plural = "funções e unidades"
        constraints = [
            models.UniqueConstraint(
                fields=["person", "role", "unit"],
                name="one_membership_per_unit",
                violation_error_message="Esta pessoa já tem este papel nesta unidade.",
            ),
            models.UniqueConstraint(
                fields=["person", "role"],
                condition=Q(unit__isnull=True),
                name="one_membership_without_unit",
                violation_error_message="Esta pessoa já tem este papel.",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["TECNICO", "ASSISTENTE_SOCIAL", "COORDENADOR"], unit__isnull=False)
                | (~Q(role__in=["TECNICO", "ASSISTENTE_SOCIAL", "COORDENADOR"]) & Q(unit__isnull=True)),
                name="unit_where_the_role_has_one",
                violation_error_message=(
                    "Técnico, assistente social e coordenador têm uma unidade; os demais papéis, nenhuma."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} · {self.get_role_display()}" + (f" · {self.unit.code}" if self.unit else "")

    @transaction.atomic  # for the same reason as a person's
    def save(self, *args, **kwargs) -> None:
        """Save it. Raises MembershipMoved where person, role or unit are others; the table refuses that too."""
        rows = Membership.objects.filter(pk=self.pk).values_list("person", "role", "unit")
        held = None if self._state.adding else rows.first()
        if held and held != (self.person_id, self.role, self.unit_id):
            raise MembershipMoved
        super().save(*args, **kwargs)


class RoleHeld(models.Model):
    """Remember that somebody holds or held a role: without any today they are no account of the office.

    A trigger writes it with each membership, however that is written. The version before this one deletes people
    without knowing of this table, so the column is no foreign key to the database.
    """

    person = models.OneToOneField(
        Person, models.CASCADE, primary_key=True, related_name="role_held", db_constraint=False
    )

    def __str__(self) -> str:
        return str(self.person_id)
