"""Name channels as staff read them."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext

from notificacao import audiences
from notificacao.models import BenefitType, Person, Unit


def names_of(channels: Iterable[str]) -> dict[str, str]:
    """Return `{channel: name}` of those whose owner exists, in at most three queries."""
    owners = audiences.owners(channels)
    return {audiences.SYSTEM_CHANNEL: gettext("Para todos")} | {name: _name(owner) for name, owner in owners.items()}


def name_of(channel: str, names: Mapping[str, str]) -> str:
    """Return the name of `channel`, or nothing where its owner has gone."""
    return names.get(channel, "")


def _name(owner: Person | Unit | BenefitType) -> str:
    """Return the name of the owner's channel; a personal channel is always the reader's own."""
    return gettext("Para você") if isinstance(owner, Person) else owner.name
