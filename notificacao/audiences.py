"""Decide who may subscribe to which channel. No other module builds or reads a channel's name.

An id in a name matches `ID`, which the tables demand too (`*`, `:`, `[` and `,` would widen a capability); names are
compared whole, never by prefix.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from django.db.models import Count, Q, QuerySet

from notificacao.metrics import KINDS
from notificacao.models import BenefitType, Membership, Person, Role, Unit
from notificacao.models.notification import SYSTEM_CHANNEL
from notificacao.models.people import ID

_ID = re.compile(ID)
PROBE_CHANNEL = "system:probe"  # the canary's: no person's capability names it


class InvalidId(ValueError):
    """Report an id that may not stand in a channel's name."""


def _name(scope: str, identifier: str) -> str:
    """Return the channel's name for an id of a scope. Raises InvalidId."""
    if not _ID.fullmatch(identifier):
        raise InvalidId(f"{identifier!r} may not stand in a channel's name: use 1 to 64 of A-Z a-z 0-9 _ -.")
    return f"private:{scope}:{identifier}:notifications"


def channel_for_user(person) -> str:
    """Return the personal channel of `person`; they alone may subscribe to it. Raises InvalidId."""
    return _name("user", person.public_id)


def channel_for_unit(unit) -> str:
    """Return the channel of `unit`. Raises InvalidId."""
    return _name("unit", unit.public_id)


def channel_for_benefit(benefit) -> str:
    """Return the channel of `benefit`. Raises InvalidId."""
    return _name("benefit", benefit.slug)


def _parts(channel: str) -> tuple[str, str]:
    """Return `(scope, id)` of a name that `_name` may have built.

    Any other name gives two empty strings, so that no database sees its id.
    """
    match channel.split(":"):
        case ["private", scope, identifier, "notifications"] if _ID.fullmatch(identifier):
            return scope, identifier
    return "", ""


def is_personal(channel: str) -> bool:
    """Tell whether `channel` is the channel of exactly one person."""
    return _parts(channel)[0] == "user"


def kind_of(channel: str) -> str:
    """Return which of `KINDS` the channel is; a name that belongs to nobody counts as the system's."""
    scope, _ = _parts(channel)
    return scope if scope in KINDS else "system"


def of_kind(kind: str) -> Q:
    """Return the condition for rows of the channels of that one of `KINDS`."""
    return Q(channel=SYSTEM_CHANNEL) if kind == "system" else Q(channel__startswith=f"private:{kind}:")


def client_id_for(person) -> str:
    """Return the Ably clientId of `person`: opaque, the same on every device. Raises InvalidId."""
    if not _ID.fullmatch(person.public_id):
        raise InvalidId(f"{person.public_id!r} may not be a clientId.")
    return person.public_id


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


def channels_of(person_pks: Iterable[int]) -> dict[int, dict[str, int]]:
    """Return `{person pk: {channel: since}}` of the active people among `person_pks`.

    `since` is the seq from which on (exclusive) that channel's rows are theirs; 0 on the personal channel. At most five
    queries serve them all.
    """
    people = Person.objects.filter(pk__in=list(person_pks), is_active=True)
    channels_by_person = {
        pk: {_name("user", public_id): 0, SYSTEM_CHANNEL: since}
        for pk, public_id, since in people.values_list("pk", "public_id", "since")
    }
    shared = _SharedChannels()
    memberships = Membership.objects.filter(person_id__in=channels_by_person)
    columns = ("person_id", "since", "role", "unit_id", "unit__public_id")
    for pk, since, role, unit_pk, unit_public_id in memberships.values_list(*columns):
        channels = channels_by_person[pk]
        for channel in shared.of(role, unit_pk, unit_public_id):
            channels[channel] = min(since, channels.get(channel, since))
    return channels_by_person


def may_have_more_than(channels: int, person_pks: Iterable[int] | None = None) -> set[int]:
    """Return the pks of people who may have more than so many shared channels, of `person_pks` or of all people.

    They hold more memberships, or a role that reaches beyond its unit: for anybody else each membership is one channel.
    """
    held = Membership.objects.all() if person_pks is None else Membership.objects.filter(person_id__in=list(person_pks))
    far = [role for role, reach in MATRIX.items() if reach.units is Reach.ALL or reach.benefits is not Reach.NONE]
    counted = held.values("person_id").annotate(all=Count("pk"), far=Count("pk", filter=Q(role__in=far)))
    many = counted.filter(Q(all__gt=channels) | Q(far__gt=0))
    return set(many.order_by().values_list("person_id", flat=True))


class _SharedChannels:
    """Find the shared channels of memberships; units and benefits are read once, and only when a role needs them.

    Each name is one string object, however many people subscribe to it.
    """

    def __init__(self):
        self._cache: dict[str, object] = {}
        self._of_units: dict[int, str] = {}

    def of(self, role: str, unit_pk: int | None, unit_public_id: str | None) -> list[str]:
        """Return the shared channels of one membership."""
        reach = MATRIX[role]
        channels: list[str] = []
        if reach.units is Reach.ALL:
            channels += self._read("units", lambda: [channel_for_unit(u) for u in Unit.objects.all()])
        elif reach.units is Reach.OWN and unit_pk and unit_public_id:  # a unit is deleted before its memberships
            if unit_pk not in self._of_units:
                self._of_units[unit_pk] = _name("unit", unit_public_id)
            channels.append(self._of_units[unit_pk])
        if reach.benefits is Reach.ALL:
            channels += self._read("benefits", lambda: [channel_for_benefit(b) for b in BenefitType.objects.all()])
        elif reach.benefits is Reach.OWN:
            channels += self._read("of_unit", _benefit_channels_by_unit).get(unit_pk, [])
        return channels

    def _read(self, key, query):
        if key not in self._cache:
            self._cache[key] = query()
        return self._cache[key]


def _benefit_channels_by_unit() -> dict[int, list[str]]:
    """Return `{unit pk: channels of the benefits that the unit handles}`."""
    by_unit: dict[int, list[str]] = defaultdict(list)
    for benefit in BenefitType.objects.prefetch_related("units"):
        for unit in benefit.units.all():
            by_unit[unit.pk].append(channel_for_benefit(benefit))
    return by_unit


def _roles(attribute: str, reach: Reach) -> list[str]:
    """Return the roles that reach that far; `attribute` is `units` or `benefits`."""
    return [role for role, role_reach in MATRIX.items() if getattr(role_reach, attribute) is reach]


def subscribers(channel: str, seq: int | None = None) -> QuerySet[Person]:
    """Return the active people who may subscribe to `channel`; an empty query where no such channel exists.

    With `seq` they are those alone who may see its row of that place: their access began before it.
    """
    people = Person.objects.filter(is_active=True)
    if channel == SYSTEM_CHANNEL:
        return people if seq is None else people.filter(since__lt=seq)
    held = Membership.objects.all() if seq is None else Membership.objects.filter(since__lt=seq)
    match _parts(channel):
        case "user", public_id:
            return people.filter(public_id=public_id)
        case "unit", public_id:
            unit = Unit.objects.filter(public_id=public_id).values_list("pk", flat=True).first()
            return people.filter(pk__in=_holders(held, "units", unit=unit)) if unit else people.none()
        case "benefit", slug if BenefitType.objects.filter(slug=slug).exists():
            return people.filter(pk__in=_holders(held, "benefits", unit__benefits__slug=slug))
    return people.none()


def _holders(held: QuerySet[Membership], attribute: str, **there) -> QuerySet:
    """Return whose of the memberships `held` reach what is `there`, by a unit or by a role that has none.

    Each half has an index of its own; of an OR of both the database would read every membership.
    """
    own = held.filter(role__in=_roles(attribute, Reach.OWN), **there)
    everywhere = held.filter(role__in=_roles(attribute, Reach.ALL), unit__isnull=True)
    return own.values("person").union(everywhere.values("person"))


def opened_by(channel: str) -> tuple[list[str], list[str], list[str]]:
    """Return what opens the shared `channel`: roles that do so in any unit, roles that do so in certain units, and
    the public ids of these units.
    """
    match _parts(channel):
        case "unit", public_id:
            return _roles("units", Reach.ALL), _roles("units", Reach.OWN), [public_id]
        case "benefit", slug:
            units = Unit.objects.filter(benefits__slug=slug).values_list("public_id", flat=True)
            return _roles("benefits", Reach.ALL), _roles("benefits", Reach.OWN), list(units)
    return [], [], []


def persons_of(channels: Iterable[str]) -> dict[str, int]:
    """Return `{channel: pk}` of the personal ones of `channels` whose person is active, in one query."""
    ids = {channel.split(":")[2] for channel in channels if is_personal(channel)}
    people = Person.objects.filter(public_id__in=ids, is_active=True).only("public_id")
    return {channel_for_user(person): person.pk for person in people}


def owners(channels: Iterable[str]) -> dict[str, Person | Unit | BenefitType]:
    """Return `{channel: person, unit or benefit}`, in at most three queries.

    The system's channel is left out, and so are names that belong to nothing.
    """
    people, units, benefits = _named_in(channels)
    people = people.only("public_id", "username", "first_name", "last_name")
    return {
        **{channel_for_user(person): person for person in people},
        **{channel_for_unit(unit): unit for unit in units},
        **{channel_for_benefit(benefit): benefit for benefit in benefits},
    }


def names_of(channels: Iterable[str]) -> dict[str, str]:
    """Return `{channel: its recipient's name, as staff know it}`, in at most three queries."""
    channels = set(channels)
    known = owners(channels)
    names = {channel: str(known.get(channel, f"{channel} (não existe mais)")) for channel in channels}
    return names | {SYSTEM_CHANNEL: "Todos"}


def unknown(channels: Iterable[str]) -> set[str]:
    """Return those of `channels` that belong to no person, unit or benefit, in at most three queries."""
    wanted = set(channels) - {SYSTEM_CHANNEL}
    people, units, benefits = _named_in(wanted)
    return (
        wanted
        - {_name("user", public_id) for public_id in people.values_list("public_id", flat=True)}
        - {_name("unit", public_id) for public_id in units.values_list("public_id", flat=True)}
        - {_name("benefit", slug) for slug in benefits.values_list("slug", flat=True)}
    )


def inactive_units(channels: Iterable[str]) -> list[Unit]:
    """Return the inactive units to which some of `channels` belong; without a unit's channel nothing is read."""
    ids = {identifier for scope, identifier in map(_parts, channels) if scope == "unit"}
    return list(Unit.objects.filter(public_id__in=ids, status=Unit.Status.INACTIVE)) if ids else []


def _named_in(channels: Iterable[str]) -> tuple[QuerySet[Person], QuerySet[Unit], QuerySet[BenefitType]]:
    """Return the people, units and benefits that the ids in the channels' names belong to."""
    ids: dict[str, set[str]] = defaultdict(set)
    for channel in channels:
        scope, identifier = _parts(channel)
        ids[scope].add(identifier)
    return (
        Person.objects.filter(public_id__in=ids["user"]),
        Unit.objects.filter(public_id__in=ids["unit"]),
        BenefitType.objects.filter(slug__in=ids["benefit"]),
    )
