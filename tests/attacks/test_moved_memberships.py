"""A membership that is made into another one would open what its new unit was told before the person came."""

from functools import partial

import pytest
from django.db import DatabaseError, transaction

from notificacao.models import Membership, Role
from notificacao.models.people import MembershipMoved

CHANGES = ["person", "unit", "role"]


@pytest.fixture
def other(caio, cras_sul):
    return {"person": caio, "unit": cras_sul, "role": Role.COORDENADOR}


@pytest.mark.parametrize("name", CHANGES)
def test_the_model_refuses_it(ana, cras_norte, other, name):
    held = ana.memberships.get()
    setattr(held, name, other[name])
    with pytest.raises(MembershipMoved, match="begins and ends"):
        held.save()
    assert ana.memberships.filter(role=Role.TECNICO, unit=cras_norte).exists()


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("many", [True, False])
def test_and_so_does_the_table(ana, cras_norte, other, name, many):
    held = ana.memberships.get()
    setattr(held, name, other[name])
    rows = Membership.objects.filter(pk=held.pk)
    move = (
        partial(Membership.objects.bulk_update, [held], [name]) if many else partial(rows.update, **{name: other[name]})
    )
    with pytest.raises(DatabaseError, match="begins and ends"), transaction.atomic():
        move()
    assert ana.memberships.filter(role=Role.TECNICO, unit=cras_norte).exists()


def test_what_stays_the_same_is_saved(ana):
    held = ana.memberships.get()
    held.save()
    Membership.objects.filter(pk=held.pk).update(role=Role.TECNICO, since=1)
    assert ana.memberships.get().since == 1
