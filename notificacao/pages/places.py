"""What a channel is called where staff read it."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext

from notificacao import audiences
from notificacao.models import BenefitType, Person, Unit


def names_of(channels: Iterable[str]) -> dict[str, str]:
    """`{channel: name}` of those that are somebody's or something's, in at most three queries."""
    owners = audiences.owners(channels)
    return {audiences.SYSTEM_CHANNEL: gettext("Para todos")} | {name: _name(owner) for name, owner in owners.items()}


def name_of(channel: str, names: Mapping[str, str]) -> str:
    """Its name, or nothing where it has gone."""
    return names.get(channel, "")


def _name(owner: Person | Unit | BenefitType) -> str:
    """A person hears no other's personal channel: it is always their own."""
    return gettext("Para você") if isinstance(owner, Person) else owner.name
