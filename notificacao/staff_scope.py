"""Decide to whom staff may send in the admin, and what was sent to whom they may see there: one table, by role.

The admin's permissions say whether somebody may send or look; the table says how far. It says nothing of what people
receive themselves: that is `scopes.MATRIX`. Producers have scopes of their own (`producing.scope`).
"""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from notificacao import audiences
from notificacao.models import EndedMembership, Membership, Notification, Person, Role, RoleHeld, Unit
from notificacao.scopes import Reach


@dataclass(frozen=True)
class StaffReach:
    """Hold how far a role lets staff send and see; `itself`: without the admin's permission for it, too."""

    send: Reach = Reach.NONE
    see: Reach = Reach.NONE
    itself: bool = False


NO_ROLE = ""  # of whoever never held a membership: an account of the office, for which the permissions alone decide

# Of several roles the widest counts; a superuser reaches everything. OWN is the units of the memberships in that role.
TABLE: dict[str, StaffReach] = {
    NO_ROLE: StaffReach(send=Reach.ALL, see=Reach.ALL),
    Role.CIDADAO: StaffReach(),
    Role.TECNICO: StaffReach(),
    Role.ASSISTENTE_SOCIAL: StaffReach(),
    Role.COORDENADOR: StaffReach(send=Reach.OWN, see=Reach.OWN, itself=True),
    Role.TECNICO_SEMTAS: StaffReach(send=Reach.ALL, see=Reach.ALL),
    Role.GESTOR: StaffReach(send=Reach.ALL, see=Reach.ALL),
    Role.AUDITOR: StaffReach(see=Reach.ALL),
    Role.ADMIN: StaffReach(send=Reach.ALL, see=Reach.ALL),
}


@dataclass(frozen=True)
class Scope:
    """Hold what somebody reaches: `everything`, or the units with these pks and nothing else; empty is false."""

    everything: bool = False
    unit_pks: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or bool(self.unit_pks)

    def covers(self, other: "Scope") -> bool:
        """Tell whether all that `other` reaches is within this scope."""
        return self.everything or (not other.everything and other.unit_pks <= self.unit_pks)

    def units(self) -> QuerySet[Unit]:
        """Return the units within the scope, inactive ones too."""
        return Unit.objects.all() if self.everything else Unit.objects.filter(pk__in=self.unit_pks)

    def narrow_people(self, people: QuerySet[Person]) -> QuerySet[Person]:
        """Return those of `people` who hold a role in a unit within the scope."""
        if self.everything:
            return people
        return people.filter(pk__in=Membership.objects.filter(unit__in=self.unit_pks).values("person"))

    def people(self) -> QuerySet[Person]:
        """Return the people within the scope: all, or those who hold or held a role in its units."""
        if self.everything:
            return Person.objects.all()
        units = [unit.public_id for unit in self.units()]
        held = Q(pk__in=Membership.objects.filter(unit__in=self.unit_pks).values("person"))
        ended = Q(pk__in=EndedMembership.objects.filter(unit_public_id__in=units).values("person"))
        return Person.objects.filter(held | ended)

    def narrow(self, rows: QuerySet[Notification]) -> QuerySet[Notification]:
        """Return those of `rows` that were sent to recipients within the scope."""
        if self.everything:
            return rows
        return rows.filter(channel__in=[audiences.channel_for_unit(unit) for unit in self.units()])


def to_send(person: Person | AnonymousUser) -> Scope:
    """Return to whom `person` may send in the admin."""
    return _scope(person, "send", permitted=_may(person, "add"))


def to_send_again(person: Person | AnonymousUser) -> Scope:
    """Return whose failed notifications `person` may send again."""
    return _scope(person, "send", permitted=_may(person, "change"))


def to_see(person: Person | AnonymousUser) -> Scope:
    """Return whose notifications `person` may see in the admin."""
    return _scope(person, "see", permitted=_may(person, "view", "change"))


def to_watch(person: Person | AnonymousUser) -> Scope:
    """Return whose connections `person` may see: as far as they see notifications, where the permission is theirs."""
    if not person.has_perm("notificacao.view_connection"):
        return Scope()
    return _scope(person, "see", permitted=True)


def given_by(role: str, unit_pk: int | None) -> tuple[Scope, Scope]:
    """Return to whom a role in that unit may let staff send, and what it may let them see."""
    return _reached(TABLE[role].send, unit_pk), _reached(TABLE[role].see, unit_pk)


def _reached(reach: Reach, unit_pk: int | None) -> Scope:
    units = frozenset([unit_pk] if reach is Reach.OWN and unit_pk else [])
    return Scope(everything=reach is Reach.ALL, unit_pks=units)


def _may(person: Person | AnonymousUser, *acts: str) -> bool:
    return any(person.has_perm(f"notificacao.{act}_notification") for act in acts)


def _scope(person: Person | AnonymousUser, column: str, *, permitted: bool) -> Scope:
    if not person.is_active:  # nor is somebody who has not logged in
        return Scope()
    if person.is_superuser:
        return Scope(everything=True)
    reached = [
        (getattr(TABLE[role], column), unit_pk) for role, unit_pk in _roles(person) if permitted or TABLE[role].itself
    ]
    if any(reach is Reach.ALL for reach, _ in reached):
        return Scope(everything=True)
    return Scope(unit_pks=frozenset(unit_pk for reach, unit_pk in reached if reach is Reach.OWN and unit_pk))


def _roles(person: Person) -> list[tuple[str, int | None]]:
    """Return `(role, unit pk)` of each membership; none of whoever lost the last one: an end never widens a reach."""
    held: list[tuple[str, int | None]] = list(person.memberships.values_list("role", "unit_id"))
    if held or RoleHeld.objects.filter(person=person).exists():
        return held
    return [(NO_ROLE, None)]
