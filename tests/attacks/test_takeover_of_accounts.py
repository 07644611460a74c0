"""A help desk that may change people, or a session that was stolen, tries to become somebody with more power."""

import uuid

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from notificacao.models import AuditEvent, Membership, Person, Role
from tests.admin.test_people import form_of
from tests.admin.test_second_factor import devices, tables_of_devices  # noqa: F401 – the tables of ADMIN_OTP
from tests.conftest import make_person
from tests.staff import complaints, make_staff

OWN = {"own_password": "segredo-de-teste"}
NEW = {
    "password1": "tomada-de-assalto",
    "password2": "tomada-de-assalto",
    "usable_password": "true",
    "set-password": "1",
}
ASKED = "Para isto, digite a sua própria senha."
HELP_DESK = ("view_person", "change_person", "add_membership", "view_membership", "delete_membership")
MEMBERSHIPS = "/admin/notificacao/membership/"


@pytest.fixture
def dora(client, db):
    """The help desk, logged in."""
    dora = make_staff("dora", *HELP_DESK)
    client.force_login(dora)
    return dora


@pytest.fixture
def gil(db):
    return make_person("gil", Role.GESTOR)


def password_page(person) -> str:
    return reverse("admin:auth_user_password_change", args=[person.pk])


def page_of(person) -> str:
    return reverse("admin:notificacao_person_change", args=[person.pk])


def holds(person, password: str) -> bool:
    return Person.objects.get(pk=person.pk).check_password(password)


def changes_on_record(person) -> list:
    events = AuditEvent.objects.filter(action="account_changed", data__to=person.public_id).order_by("pk")
    return [(event.who, event.data["changed"]) for event in events]


@pytest.mark.parametrize("own", [{}, {"own_password": "errada"}])
def test_a_stolen_session_sets_nobodys_password(client, dora, ana, own):
    for person in (ana, dora):
        assert ASKED in client.post(password_page(person), NEW | own).content.decode()
        assert not holds(person, "tomada-de-assalto")
    assert changes_on_record(ana) == []


def test_a_stolen_session_takes_nobodys_password_away(client, dora, ana):
    none = {"usable_password": "false", "unset-password": "1"}
    assert ASKED in client.post(password_page(ana), none).content.decode()
    assert Person.objects.get(pk=ana.pk).has_usable_password()


def test_a_password_that_is_set_is_on_record(client, dora, ana):
    assert client.post(password_page(ana), NEW | OWN).status_code == 302
    assert holds(ana, "tomada-de-assalto")
    assert changes_on_record(ana) == [(dora.public_id, ["password"])]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.GESTOR, Role.TECNICO_SEMTAS])
@pytest.mark.parametrize("active", [True, False])
def test_the_help_desk_takes_over_nobody_who_hears_more_than_it(client, dora, role, active):
    gil = make_person("gil", role, is_active=active)
    assert client.post(password_page(gil), NEW | OWN).status_code == 403
    assert client.post(page_of(gil), form_of(gil, username="dora2", is_active="", **OWN)).status_code == 403
    gil.refresh_from_db()
    assert (gil.username, gil.is_active, holds(gil, "tomada-de-assalto")) == ("gil", active, False)


@pytest.mark.parametrize("by_group", [True, False])
def test_nor_anybody_with_a_permission_that_it_lacks(client, dora, by_group):
    eva = make_person("eva", is_staff=True)
    permission = Permission.objects.get(codename="change_rolloutplan")
    if by_group:
        group = Group.objects.create(name="transição")
        group.permissions.add(permission)
        eva.groups.add(group)
    else:
        eva.user_permissions.add(permission)
    assert client.post(password_page(eva), NEW | OWN).status_code == 403
    dora.user_permissions.add(permission)
    assert client.post(password_page(eva), NEW | OWN).status_code == 302


@pytest.mark.parametrize("role", [Role.ADMIN, Role.GESTOR, Role.TECNICO_SEMTAS])
def test_nobody_gives_a_role_that_they_lack_not_even_to_themselves(client, dora, ana, role):
    for person in (dora, ana):
        assert complaints(client.post(page_of(person), form_of(person, (role, None), **OWN)))
        assert complaints(client.post(f"{MEMBERSHIPS}add/", {"person": person.pk, "role": role, **OWN}))
    assert not Membership.objects.filter(role=role).exists()


def test_nor_adds_to_or_takes_from_who_has_more(client, dora, gil, cras_norte):
    new = {"person": gil.pk, "role": Role.TECNICO, "unit": cras_norte.pk, **OWN}
    assert complaints(client.post(f"{MEMBERSHIPS}add/", new))
    mine = Membership.objects.create(person=gil, role=Role.TECNICO, unit=cras_norte)
    chosen = [mine.pk, gil.memberships.get(role=Role.GESTOR).pk]
    client.post(MEMBERSHIPS, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    for pk in chosen:
        client.post(f"{MEMBERSHIPS}{pk}/delete/", {"post": "yes"})
    assert gil.memberships.count() == 2


@pytest.fixture
def root(client, db):
    """A superuser's session."""
    root = Person.objects.create_superuser("root", password="segredo-de-teste")
    client.force_login(root)
    return root


def test_a_stolen_superusers_session_ends_no_powerful_membership(client, root, gil):
    (held,) = gil.memberships.all()
    assert ASKED in complaints(client.post(page_of(gil), form_of(gil, ended=[held])))
    client.post(MEMBERSHIPS, {"action": "delete_selected", "_selected_action": [held.pk], "post": "yes"})
    client.post(f"{MEMBERSHIPS}{held.pk}/delete/", {"post": "yes"})
    assert gil.memberships.get() == held
    assert complaints(client.post(page_of(gil), form_of(gil, ended=[held], **OWN))) == []
    assert changes_on_record(gil) == [(root.public_id, ["GESTOR"])]


def test_nor_closes_an_account_nor_takes_power_from_one(client, root, ana):
    eva = make_person("eva", is_staff=True)
    for person, fields in ((ana, {"is_active": ""}), (eva, {})):  # a box that is not sent is unchecked: `is_staff`
        assert ASKED in complaints(client.post(page_of(person), form_of(person, **fields)))
        assert complaints(client.post(page_of(person), form_of(person, **fields, **OWN))) == []
    assert changes_on_record(ana) == [(root.public_id, ["is_active"])]
    assert changes_on_record(eva) == [(root.public_id, ["is_staff"])]


def test_a_membership_that_ends_in_bulk_is_on_record(client, root, ana):
    chosen = [held.pk for held in ana.memberships.all()]
    client.post(MEMBERSHIPS, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    assert changes_on_record(ana) == [(root.public_id, ["TECNICO"])]


def test_nobody_widens_the_group_that_they_are_in(client, dora):
    group = Group.objects.create(name="atendimento")
    dora.groups.add(group)
    may = Permission.objects.filter(content_type__app_label="auth", content_type__model="group")
    dora.user_permissions.add(*may)
    everything = {"name": "atendimento", "permissions": [Permission.objects.first().pk], **OWN}
    assert client.post(f"/admin/auth/group/{group.pk}/change/", everything).status_code == 403
    assert client.post("/admin/auth/group/add/", everything | {"name": "outro"}).status_code == 403
    assert client.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 403
    assert group.permissions.count() == 0


def test_a_group_is_changed_with_ones_own_password_and_that_is_on_record(client, root):
    group = Group.objects.create(name="atendimento")
    wider = {"name": "atendimento", "permissions": [Permission.objects.first().pk]}
    assert ASKED in complaints(client.post(f"/admin/auth/group/{group.pk}/change/", wider))
    assert group.permissions.count() == 0
    assert client.post(f"/admin/auth/group/{group.pk}/change/", wider | OWN).status_code == 302
    assert AuditEvent.objects.get(action="account_changed").data["group"] == group.pk


@pytest.mark.parametrize(
    "call", ["/api/v1/rollout/", "/api/v1/ably/channels/", f"/api/v1/notifications/{uuid.UUID(int=7)}/why/"]
)
def test_a_password_alone_reads_none_of_staffs_api_where_a_second_factor_is_asked_for(client, devices, root, call):  # noqa: F811
    refused = client.get(call)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")


def test_nobody_gives_a_second_factor_to_whoever_has_more(client, devices, dora, gil):  # noqa: F811
    phone = devices.create(user=dora, name="telefone", confirmed=True)
    session = client.session
    session["otp_device_id"] = phone.persistent_id
    session.save()
    kind = ContentType.objects.get_for_model(devices.model)
    for act in ("add", "change", "delete", "view"):
        dora.user_permissions.create(codename=f"{act}_totpdevice", content_type=kind)
    hers = {"name": "x", "confirmed": "on", "key": "00" * 20, "step": 30, "t0": 0, "digits": 6, "tolerance": 1}
    hers |= {"drift": 0, "throttling_failure_count": 0}
    device = devices.create(user=gil, name="telefone", confirmed=True)
    assert complaints(client.post("/admin/otp_totp/totpdevice/add/", hers | {"user": gil.pk} | OWN))
    assert (
        client.post(f"/admin/otp_totp/totpdevice/{device.pk}/change/", hers | {"user": dora.pk} | OWN).status_code
        == 403
    )
    assert client.post(f"/admin/otp_totp/totpdevice/{device.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"/admin/otp_totp/totpdevice/{device.pk}/config/").status_code == 403
    assert list(devices.filter(user=gil)) == [device]
    assert ASKED in complaints(client.post("/admin/otp_totp/totpdevice/add/", hers | {"user": dora.pk}))
    assert complaints(client.post("/admin/otp_totp/totpdevice/add/", hers | {"user": dora.pk} | OWN)) == []
    assert changes_on_record(dora) == [(dora.public_id, ["second_factor"])]
