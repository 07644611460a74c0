"""Power is given with one's own password, and nobody gives what they do not have."""

import pytest
from django.urls import reverse

from notificacao.models import AuditEvent, Membership, Person, Role
from tests.admin.test_people import admin, form_of  # noqa: F401 – an administrator, and what a person's page posts
from tests.staff import complaints, make_staff

OWN = {"own_password": "segredo-de-teste"}
ASKED = "Para isto, digite a sua própria senha."
ADD = reverse("admin:notificacao_membership_add")


def page_of(person) -> str:
    return reverse("admin:notificacao_person_change", args=[person.pk])


@pytest.mark.parametrize("role", [Role.ADMIN, Role.GESTOR, Role.TECNICO_SEMTAS])
@pytest.mark.parametrize("own", [{}, {"own_password": "errada"}])
def test_a_powerful_role_is_not_given_without_it(admin, ana, role, own):  # noqa: F811
    assert ASKED in complaints(admin.post(page_of(ana), form_of(ana, (role, None), **own)))
    assert ASKED in complaints(admin.post(ADD, {"person": ana.pk, "role": role, **own}))
    assert not Membership.objects.filter(role=role).exists()


@pytest.mark.parametrize("power", ["is_staff", "is_superuser"])
def test_nor_is_the_admin(admin, ana, power):  # noqa: F811
    assert ASKED in complaints(admin.post(page_of(ana), form_of(ana, **{power: "on"})))
    assert not Person.objects.filter(pk=ana.pk, **{power: True}).exists()


def test_with_it_power_is_given_and_that_is_on_record(admin, ana):  # noqa: F811
    assert complaints(admin.post(page_of(ana), form_of(ana, (Role.GESTOR, None), is_staff="on", **OWN))) == []
    assert complaints(admin.post(ADD, {"person": ana.pk, "role": Role.ADMIN, **OWN})) == []
    given = AuditEvent.objects.filter(action="role_given").order_by("pk")
    assert [event.data["given"] for event in given] == [["is_staff", "GESTOR"], ["ADMIN"]]
    assert {event.data["to"] for event in given} == {ana.public_id}


def test_what_gives_no_power_needs_no_password(admin, ana, cras_sul):  # noqa: F811
    assert complaints(admin.post(page_of(ana), form_of(ana, (Role.COORDENADOR, cras_sul), first_name="Ana"))) == []
    assert ana.memberships.count() == 2


def test_a_stolen_session_cannot_try_passwords_one_after_the_other(admin, ana, settings, time_stands_still):  # noqa: F811
    settings.RATE_LOGIN = (1, 2)
    for _ in range(2):
        admin.post(ADD, {"person": ana.pk, "role": Role.ADMIN, "own_password": "errada"})
    admin.post(ADD, {"person": ana.pk, "role": Role.ADMIN, **OWN})
    assert not Membership.objects.filter(role=Role.ADMIN).exists()


@pytest.fixture
def dora(client, db):
    dora = make_staff("dora", "view_person", "change_person", "add_membership", "view_membership")
    client.force_login(dora)
    return dora


def test_who_is_no_superuser_makes_none_whatever_they_post(client, dora):
    powers = {"is_staff": "on", "is_superuser": "on", "user_permissions": ["1"], "groups": ["1"]}
    client.post(page_of(dora), form_of(dora, **powers, **OWN))
    dora.refresh_from_db()
    assert (dora.is_staff, dora.is_superuser, dora.user_permissions.count()) == (True, False, 4)


def test_who_is_no_superuser_sets_no_superusers_password(client, dora, admin_user):
    new = {"password1": "nova-senha-1", "password2": "nova-senha-1", "usable_password": "true", "set-password": "1"}
    change = reverse("admin:auth_user_password_change", args=[admin_user.pk])
    assert client.post(change, new).status_code == 403
    admin_user.refresh_from_db()
    assert admin_user.check_password("password")
