"""The help desk, or a coordinator, tries to reach in the admin by a role what no permission of theirs opens."""

import pytest
from django.urls import reverse

from notificacao import audiences, staff_scope
from notificacao.models import Membership, Notification, Role
from tests.admin.test_people import form_of
from tests.rows import write_stamped
from tests.staff import complaints, make_staff

MEMBERSHIPS, SENT = "/admin/notificacao/membership/", "/admin/notificacao/notification/"
OWN = {"own_password": "segredo-de-teste"}
NEW = {"password1": "tomada-de-assalto", "password2": "tomada-de-assalto", "usable_password": "true"}
HELP_DESK = ("view_person", "change_person", "add_membership", "view_membership", "delete_membership")


@pytest.fixture
def dora(client, db):
    """The help desk, logged in."""
    dora = make_staff("dora", *HELP_DESK)
    client.force_login(dora)
    return dora


def page_of(person) -> str:
    return reverse("admin:notificacao_person_change", args=[person.pk])


def coordinator(unit, *codenames):
    eva = make_staff("eva", *codenames)
    Membership.objects.create(person=eva, role=Role.COORDENADOR, unit=unit)
    return eva


def test_the_help_desk_makes_itself_no_coordinator_who_sends_and_sees(client, dora, cras_norte):
    write_stamped(1, audiences.channel_for_unit(cras_norte), title="De antes")
    new = {"person": dora.pk, "role": Role.COORDENADOR, "unit": cras_norte.pk, **OWN}
    assert complaints(client.post(f"{MEMBERSHIPS}add/", new))
    assert complaints(client.post(page_of(dora), form_of(dora, (Role.COORDENADOR, cras_norte), **OWN)))
    assert client.get(SENT).status_code == 403
    client.post(
        f"{SENT}add/", {"title": "X", "message": "m", "kind": "sistema", "priority": "normal", "unit": new["unit"]}
    )
    assert Notification.objects.count() == 1


def test_nor_an_auditor_who_sees_everything(client, dora):
    assert complaints(client.post(f"{MEMBERSHIPS}add/", {"person": dora.pk, "role": Role.AUDITOR, **OWN}))
    assert complaints(client.post(page_of(dora), form_of(dora, (Role.AUDITOR, None), **OWN)))


def test_it_still_says_who_coordinates_among_people_without_the_admin(client, dora, ana, cras_sul):
    assert complaints(client.post(page_of(ana), form_of(ana, (Role.COORDENADOR, cras_sul)))) == []


@pytest.mark.parametrize("active", [True, False])
def test_nor_does_it_become_a_coordinator_by_a_password(client, dora, cras_norte, active):
    eva = coordinator(cras_norte)
    eva.is_active = active
    eva.save()
    password = reverse("admin:auth_user_password_change", args=[eva.pk])
    assert client.post(password, NEW | OWN | {"set-password": "1"}).status_code == 403


def test_a_coordinator_names_another_of_her_unit_with_her_password_and_of_no_other(client, cras_norte, cras_sul):
    client.force_login(coordinator(cras_norte, *HELP_DESK))
    gil = make_staff("gil")
    new = {"person": gil.pk, "role": Role.COORDENADOR}
    assert complaints(client.post(f"{MEMBERSHIPS}add/", new | {"unit": cras_sul.pk} | OWN))
    assert complaints(client.post(f"{MEMBERSHIPS}add/", new | {"unit": cras_norte.pk}))
    assert complaints(client.post(f"{MEMBERSHIPS}add/", new | {"unit": cras_norte.pk} | OWN)) == []
    assert [held.unit for held in gil.memberships.all()] == [cras_norte]


def test_nobody_reaches_further_by_ending_the_role_that_narrows_them(client, cras_norte):
    eva = coordinator(cras_norte, "add_notification", "view_notification", *HELP_DESK)
    client.force_login(eva)
    (held,) = eva.memberships.all()
    assert client.post(f"{MEMBERSHIPS}{held.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(MEMBERSHIPS, {"action": "delete_selected", "_selected_action": [held.pk], "post": "yes"})
    assert complaints(client.post(page_of(eva), form_of(eva, ended=[held], **OWN)))
    assert not staff_scope.to_send(eva).everything
