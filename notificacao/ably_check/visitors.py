"""Make a token of each role for `ably_check`.

The tokens belong to people who exist only within a transaction that is rolled back.
"""

import uuid
from dataclasses import dataclass

from django.db import transaction

from notificacao import tokens
from notificacao.audiences import SYSTEM_CHANNEL, channel_for_benefit, channel_for_unit, channel_for_user
from notificacao.models import BenefitType, Membership, Person, Role, Unit
from notificacao.scopes import MATRIX, Reach
from notificacao.tokens import TooManyChannels


@dataclass(frozen=True)
class Visitor:
    """Hold a role's token and its personal channel, `own`. The token is blank where none can carry the role's channels.

    `channels` is `{name: whether scopes.MATRIX permits the role to subscribe to it}`.
    """

    role: str
    token: str
    own: str
    channels: dict[str, bool]


@transaction.atomic
def visitors() -> list[Visitor]:
    """Return one visitor for each role, each with a token that was signed for its channels.

    The rows are written in bulk, which sends no signal, so that no open stream is told of people who are rolled back.
    """
    mark = f"check-{uuid.uuid4().hex[:10]}"
    here, elsewhere = Unit.objects.bulk_create(
        Unit(code=f"{mark}-{place}", name=mark, kind=Unit.Kind.OUTRO) for place in "ab"
    )
    handled, other = BenefitType.objects.bulk_create(BenefitType(slug=f"{mark}-{kind}", name=mark) for kind in "ab")
    Unit.benefits.through.objects.bulk_create([Unit.benefits.through(unit=here, benefittype=handled)])
    people = Person.objects.bulk_create(Person(username=f"{mark}-{role}", password="!") for role in Role.values)  # noqa: S106
    Membership.objects.bulk_create(
        Membership(person=person, role=role, unit=here if role in Role.of_a_unit() else None)
        for person, role in zip(people, Role.values, strict=True)
    )
    found = []
    for person, role, stranger in zip(people, Role.values, [*people[1:], people[0]], strict=True):
        hears = MATRIX[role]
        channels = {
            channel_for_user(person): True,
            SYSTEM_CHANNEL: True,
            channel_for_unit(here): hears.units is not Reach.NONE,
            channel_for_unit(elsewhere): hears.units is Reach.ALL,
            channel_for_benefit(handled): hears.benefits is not Reach.NONE,
            channel_for_benefit(other): hears.benefits is Reach.ALL,
            channel_for_user(stranger): False,
        }
        try:
            token = tokens.generate_token(person, session_key=mark).token
        except TooManyChannels:
            token = ""
        found.append(Visitor(role, token, channel_for_user(person), channels))
    transaction.set_rollback(True)
    return found
