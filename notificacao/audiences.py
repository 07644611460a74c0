"""Decide who may subscribe to which channel. No other module builds or reads a channel's name.

An id in a name matches `ID`, which the tables demand too (`*`, `:`, `[` and `,` would widen a capability); names are
compared whole, never by prefix.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model, Q, QuerySet

from notificacao.database import ask, placeholders
from notificacao.metrics import KINDS
from notificacao.models import Membership, Person, Unit
from notificacao.models.notification import SYSTEM_CHANNEL
from notificacao.models.people import ID
from notificacao.scopes import MATRIX, SCOPES, SHARED, Reach, Scope

_ID = re.compile(ID)
# By hand, since both are asked for each batch of rows for Ably: to put them together took ten times as long.
_ACTIVE = f"SELECT public_id, id FROM {Person._meta.db_table} WHERE is_active AND public_id IN ({{ids}})"  # noqa: S608
_MANY = f"""
    SELECT person_id FROM {Membership._meta.db_table} {{of}} GROUP BY person_id
    HAVING count(*) > %s OR count(CASE WHEN role IN ({{far}}) THEN 1 END) > 0
"""  # noqa: S608 – the table's own name
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
    return channel.startswith("private:user:") and _parts(channel)[0] == "user"


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
    people = None if person_pks is None else list(person_pks)
    if people == []:
        return set()
    far = [role for role in MATRIX if any(scope.is_far(role) for scope in SHARED.values())]
    of = "" if people is None else f"WHERE person_id IN ({placeholders(people)})"
    return {pk for (pk,) in ask(_MANY.format(of=of, far=placeholders(far)), [*(people or ()), channels, *far])}


class _SharedChannels:
    """Find the shared channels of memberships; a scope's table is read once, and only when a role needs it.

    Each name is one string object, however many people subscribe to it.
    """

    def __init__(self) -> None:
        self._all: dict[str, list[str]] = {}
        self._by_unit: dict[str, dict[int, list[str]]] = defaultdict(dict)

    def of(self, role: str, unit_pk: int | None, unit_public_id: str | None) -> list[str]:
        """Return the shared channels of one membership."""
        channels: list[str] = []
        for name, scope in SHARED.items():
            reach = scope.reach_of(role)
            if reach is Reach.ALL:
                channels += self._every(name, scope)
            elif reach is Reach.OWN and unit_pk and unit_public_id:  # a unit is deleted before its memberships
                channels += self._of_unit(name, scope, unit_pk, unit_public_id)
        return channels

    def _every(self, name: str, scope: Scope) -> list[str]:
        if name not in self._all:
            ids = scope.model._default_manager.values_list(scope.id_field, flat=True)
            self._all[name] = [_name(name, identifier) for identifier in ids]
        return self._all[name]

    def _of_unit(self, name: str, scope: Scope, unit_pk: int, unit_public_id: str) -> list[str]:
        by_unit = self._by_unit[name]
        if scope.is_a_units_own and unit_pk not in by_unit:
            by_unit[unit_pk] = [_name(name, unit_public_id)]
        elif not scope.is_a_units_own and not by_unit:
            by_unit.update(_channels_by_unit(name, scope))
        return by_unit.get(unit_pk, [])


def _channels_by_unit(name: str, scope: Scope) -> dict[int, list[str]]:
    """Return `{unit pk: channels of that scope that are its own}`, with every unit, be it without any."""
    by_unit: dict[int, list[str]] = defaultdict(list)
    names: dict[str, str] = {}
    for pk, identifier in Unit.objects.order_by("pk", scope.from_unit).values_list("pk", scope.from_unit):
        of_unit = by_unit[pk]
        if identifier is not None:
            of_unit.append(names.setdefault(identifier, _name(name, identifier)))
    return by_unit


def channels_that_come_with(structure: Model) -> list[str]:
    """Return the channels that a unit gives to its people, or the one of a row of another scope's table.

    They are those that the database has now, whatever `structure` holds.
    """
    names: list[str] = []
    for name, scope in SHARED.items():
        model, field = (Unit, scope.from_unit) if isinstance(structure, Unit) else (scope.model, scope.id_field)
        if isinstance(structure, model):
            ids = model._default_manager.filter(pk=structure.pk).values_list(field, flat=True)
            names += [_name(name, identifier) for identifier in ids if identifier is not None]
    return names


def subscribers(channel: str, seq: int | None = None) -> QuerySet[Person]:
    """Return the active people who may subscribe to `channel`; an empty query where no such channel exists.

    With `seq` they are those alone who may see its row of that place: their access began before it.
    """
    people = Person.objects.filter(is_active=True)
    if channel == SYSTEM_CHANNEL:
        return people if seq is None else people.filter(since__lt=seq)
    name, identifier = _parts(channel)
    scope = SCOPES.get(name)
    if scope is None:
        return people.none()
    if not scope.reach:
        return people.filter(**{scope.id_field: identifier})
    units = list(scope.units(identifier).values_list("pk", flat=True))
    if not units and not scope.named([identifier]).exists():
        return people.none()
    held = Membership.objects.all() if seq is None else Membership.objects.filter(since__lt=seq)
    return people.filter(pk__in=_holders(held, scope, units))


def _holders(held: QuerySet[Membership], scope: Scope, units: list[int]) -> QuerySet:
    """Return whose of the memberships `held` hear a channel of that scope, by one of `units` or by a role without one.

    Each half has an index of its own; of an OR of both the database would read every membership. It is told which
    units they are, since it would take a unit that it has to join for one like all others.
    """
    own = held.filter(role__in=scope.roles(Reach.OWN), unit__in=units)
    everywhere = held.filter(role__in=scope.roles(Reach.ALL), unit__isnull=True)
    return own.values("person").union(everywhere.values("person"))


def opened_by(channel: str) -> tuple[list[str], list[str], list[str]]:
    """Return what opens the shared `channel`: roles that do so in any unit, roles that do so in certain units, and
    the public ids of these units.
    """
    name, identifier = _parts(channel)
    scope = SHARED.get(name)
    if scope is None:
        return [], [], []
    return scope.roles(Reach.ALL), scope.roles(Reach.OWN), scope.unit_ids(identifier)


def persons_of(channels: Iterable[str]) -> dict[str, int]:
    """Return `{channel: pk}` of the personal ones of `channels` whose person is active, in one query."""
    ids = {channel.split(":")[2] for channel in channels if is_personal(channel)}
    found = ask(_ACTIVE.format(ids=placeholders(ids)), [*ids]) if ids else []
    return {_name("user", public_id): pk for public_id, pk in found}


def owners(channels: Iterable[str]) -> dict[str, Any]:
    """Return `{channel: person, unit or benefit}`, in a query for each scope.

    The system's channel is left out, and so are names that belong to nothing.
    """
    found: dict[str, Any] = {}
    for name, scope, rows in _named_in(channels):
        read = rows.only("public_id", "username", "first_name", "last_name") if scope.model is Person else rows
        found |= {_name(name, getattr(row, scope.id_field)): row for row in read}
    return found


def names_of(channels: Iterable[str]) -> dict[str, str]:
    """Return `{channel: its recipient's name, as staff know it}`, in a query for each scope."""
    channels = set(channels)
    known = owners(channels)
    names = {channel: str(known.get(channel, f"{channel} (não existe mais)")) for channel in channels}
    return names | {SYSTEM_CHANNEL: "Todos"}


def closed(channels: Iterable[str]) -> tuple[set[str], list[Unit]]:
    """Return to which of `channels` nothing may be sent: names that belong to no person, unit or benefit, and units
    that are inactive. A query for each scope.
    """
    wanted, inactive = set(channels) - {SYSTEM_CHANNEL}, []
    for name, scope, rows in _named_in(wanted):
        if rows.model is Unit:
            units = list(rows.only(scope.id_field, "code", "status"))
            inactive = [unit for unit in units if unit.status == Unit.Status.INACTIVE]
            found = {getattr(unit, scope.id_field) for unit in units}
        else:
            found = set(rows.values_list(scope.id_field, flat=True))
        wanted -= {_name(name, identifier) for identifier in found}
    return wanted, inactive


def unknown(channels: Iterable[str]) -> set[str]:
    """Return those of `channels` that belong to no person, unit or benefit, in a query for each scope."""
    return closed(channels)[0]


def inactive_units(channels: Iterable[str]) -> list[Unit]:
    """Return the inactive units to which some of `channels` belong; without a unit's channel nothing is read."""
    return closed(channel for channel in channels if _parts(channel)[0] == "unit")[1]


def _named_in(channels: Iterable[str]) -> Iterator[tuple[str, Scope, QuerySet]]:
    """Yield each scope that has ids in the channels' names, with the rows that these ids belong to."""
    ids: dict[str, set[str]] = defaultdict(set)
    for channel in channels:
        name, identifier = _parts(channel)
        ids[name].add(identifier)
    for name, scope in SCOPES.items():
        if name in ids:
            yield name, scope, scope.named(ids[name])
