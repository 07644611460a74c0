"""List the scopes of channels, one for each table whose rows have one, and which role hears which of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from django.db.models import Model, QuerySet

from notificacao.models import BenefitType, Person, Role, Unit


class Reach(Enum):
    """Name how far a role reaches: to nothing, to what belongs to the membership's unit, or to everything."""

    NONE = "none"
    OWN = "own"
    ALL = "all"


@dataclass(frozen=True)
class RoleReach:
    """Hold to which units and benefits a role may subscribe."""

    units: Reach = Reach.NONE
    benefits: Reach = Reach.NONE


# The capability matrix of docs/ably/channels.md. Everybody may subscribe to their personal channel and the system's.
MATRIX: dict[str, RoleReach] = {
    Role.CIDADAO: RoleReach(),
    Role.TECNICO: RoleReach(units=Reach.OWN),
    Role.ASSISTENTE_SOCIAL: RoleReach(units=Reach.OWN),
    Role.COORDENADOR: RoleReach(units=Reach.OWN, benefits=Reach.OWN),
    Role.TECNICO_SEMTAS: RoleReach(units=Reach.ALL, benefits=Reach.ALL),
    Role.GESTOR: RoleReach(units=Reach.ALL, benefits=Reach.ALL),
    Role.AUDITOR: RoleReach(),
    Role.ADMIN: RoleReach(units=Reach.ALL, benefits=Reach.ALL),
}


@dataclass(frozen=True)
class Scope:
    """Describe the channels of one table's rows, and which people of which units hear them.

    `id_field` names a row in its channel's name; `reach` is the field of `RoleReach` that says how far a role hears
    these channels, and `from_unit` the lookup from a unit to the ids of those that are its own. Without a `reach` a
    channel is one person's.
    """

    model: type[Model]
    id_field: str
    reach: str = ""
    from_unit: str = ""

    @property
    def is_a_units_own(self) -> bool:
        """Tell whether a unit has exactly one such channel, its own."""
        return self.model is Unit

    def named(self, ids: Iterable[str]) -> QuerySet:
        """Return the rows of these ids."""
        return self.model._default_manager.filter(**{f"{self.id_field}__in": ids})

    def roles(self, reach: Reach) -> list[str]:
        """Return the roles that reach that far."""
        return [role for role in MATRIX if self.reach_of(role) is reach]

    def reach_of(self, role: str) -> Reach:
        """Return how far that role hears these channels."""
        return getattr(MATRIX[role], self.reach)

    def is_far(self, role: str) -> bool:
        """Tell whether one membership in that role may open several of these channels."""
        reach = self.reach_of(role)
        return reach is Reach.ALL or (reach is Reach.OWN and not self.is_a_units_own)

    def units(self, identifier: str) -> QuerySet[Unit]:
        """Return the units to which the channel of that id belongs."""
        return Unit.objects.filter(**{self.from_unit: identifier})

    def unit_ids(self, identifier: str) -> list[str]:
        """Return their public ids; that of a unit's own channel is the unit's, be it there or not."""
        return [identifier] if self.is_a_units_own else list(self.units(identifier).values_list("public_id", flat=True))


# Each scope of a channel's name but the system's. `metrics.KINDS` names them too.
SCOPES: dict[str, Scope] = {
    "user": Scope(Person, "public_id"),
    "unit": Scope(Unit, "public_id", reach="units", from_unit="public_id"),
    "benefit": Scope(BenefitType, "slug", reach="benefits", from_unit="benefits__slug"),
}
SHARED = {name: scope for name, scope in SCOPES.items() if scope.reach}
