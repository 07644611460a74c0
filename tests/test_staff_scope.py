"""The table of who sends to whom and sees what was sent, held against each door: forms, lists, acts, exports, API."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.test import Client

from notificacao import audiences, staff_scope
from notificacao.models import DispatchState, Membership, Notification, Role, RoleHeld
from notificacao.scopes import Reach
from tests.rows import write_stamped
from tests.staff import complaints, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
LIST = "/admin/notificacao/notification/"
ADD = f"{LIST}add/"
CONTENT = {"title": "Composta", "message": "m", "kind": "sistema", "priority": "normal"}
ALL_PERMISSIONS = ("add_notification", "view_notification", "change_notification", "view_person")
ROLES = {"no role": staff_scope.NO_ROLE} | {str(role): role for role in Role}
OWN_UNIT, EVERYTHING = {"own unit"}, {"own unit", "other unit", "person", "benefit", "everybody"}


@pytest.fixture
def targets(cras_norte, cras_sul, caio, aluguel_social):
    """`{target: (fields of the form, channel)}`; caio works in the other unit."""
    return {
        "own unit": ({"unit": cras_norte.pk}, audiences.channel_for_unit(cras_norte)),
        "other unit": ({"unit": cras_sul.pk}, audiences.channel_for_unit(cras_sul)),
        "person": ({"person": caio.pk}, audiences.channel_for_user(caio)),
        "benefit": ({"benefit": aluguel_social.pk}, audiences.channel_for_benefit(aluguel_social)),
        "everybody": ({"everybody": "on"}, audiences.SYSTEM_CHANNEL),
    }


@pytest.fixture
def rows(targets):
    """`{target: a notification to it that failed on Ably}`."""
    return {
        target: write_stamped(seq, channel, title=target, dispatch_state=DispatchState.FAILED)
        for seq, (target, (_, channel)) in enumerate(targets.items(), start=1)
    }


@pytest.fixture
def house(cras_norte, targets, rows):
    return SimpleNamespace(unit=cras_norte, targets=targets, rows=rows)


def within(reach: Reach) -> set[str]:
    return {Reach.NONE: set(), Reach.OWN: OWN_UNIT, Reach.ALL: EVERYTHING}[reach]


def somebody(role, unit, *permissions):
    dora = make_staff("dora", *permissions)
    if role:
        Membership.objects.create(person=dora, role=role, unit=unit if role in Role.of_a_unit() else None)
    return dora


# --- Doors: `(browser, house) → the targets that it opens`


def offered(browser, house):
    page = browser.get(ADD)
    if page.status_code != 200:
        return set()
    form = page.context["adminform"].form
    units = set(form.fields["unit"].queryset.values_list("pk", flat=True))
    others = {name for name in ("person", "benefit", "everybody") if name in form.fields}
    return others | {target for target in ("own unit", "other unit") if house.targets[target][0]["unit"] in units}


def posted(browser, house):
    for fields, _ in house.targets.values():
        browser.post(ADD, CONTENT | fields)
    sent = set(Notification.objects.filter(title="Composta").values_list("channel", flat=True))
    return {target for target, (_, channel) in house.targets.items() if channel in sent}


def listed(browser, house):
    page = browser.get(LIST)
    return {row.title for row in page.context["cl"].result_list} if page.status_code == 200 else set()


def found(browser, house):
    pages = {target: browser.get(LIST, {"q": str(row.public_id)}) for target, row in house.rows.items()}
    return {target for target, page in pages.items() if page.status_code == 200 and page.context["cl"].result_count}


def opened(word):
    return lambda browser, house: {
        target for target, row in house.rows.items() if browser.get(f"{LIST}{row.pk}/{word}/").status_code == 200
    }


def sent_again(house):
    pending = Notification.objects.filter(dispatch_state=DispatchState.PENDING).values_list("pk", flat=True)
    return {target for target, row in house.rows.items() if row.pk in pending}


def sent_again_by_the_button(browser, house):
    for row in house.rows.values():
        browser.post(f"{LIST}{row.pk}/send-again/")
    return sent_again(house)


def sent_again_by_the_action(browser, house):
    browser.post(LIST, {"action": "send_again", "_selected_action": [row.pk for row in house.rows.values()]})
    return sent_again(house)


SENDING = {
    "the form's choices": offered,
    "a crafted form": posted,
    "the button to send again": sent_again_by_the_button,
    "the action to send again": sent_again_by_the_action,
}
SEEING = {
    "the list": listed,
    "the search": found,
    "the detail": opened("change"),
    "the history": opened("history"),
}
DOORS = {name: ("send", door) for name, door in SENDING.items()} | {
    name: ("see", door) for name, door in SEEING.items()
}


def test_the_table_names_each_role():
    assert staff_scope.TABLE.keys() == set(ROLES.values())


def through_each(browser, house):
    """`{door: the targets that it opens}`, each tried on the house as it was."""
    targets = {}
    for name, (_, door) in DOORS.items():
        with transaction.atomic():
            targets[name] = door(browser, house)
            transaction.set_rollback(True)
    return targets


def as_the_table_says(reach):
    return {name: within(getattr(reach, column)) for name, (column, _) in DOORS.items()}


NOTHING = as_the_table_says(staff_scope.StaffReach())


@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
def test_each_door_opens_with_every_permission_as_far_as_the_table_says(client, house, role):
    client.force_login(somebody(role, house.unit, *ALL_PERMISSIONS))
    assert through_each(client, house) == as_the_table_says(staff_scope.TABLE[role])


@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
def test_each_door_opens_without_permission_to_the_roles_that_the_table_names(client, house, role):
    client.force_login(somebody(role, house.unit))
    reach = staff_scope.TABLE[role]
    assert through_each(client, house) == (as_the_table_says(reach) if reach.itself else NOTHING)


def test_each_door_is_open_to_a_superuser(admin_client, house):
    assert through_each(admin_client, house) == dict.fromkeys(DOORS, EVERYTHING)


@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
def test_each_door_is_closed_to_whoever_has_no_access_to_the_admin(client, house, role):
    dora = somebody(role, house.unit, *ALL_PERMISSIONS)
    dora.is_staff = False
    dora.save()
    client.force_login(dora)
    assert through_each(client, house) == NOTHING


@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
def test_the_api_shows_what_a_person_receives_and_sends_nothing_whatever_they_may_do_in_the_admin(client, house, role):
    dora = somebody(role, house.unit, *ALL_PERMISSIONS)
    client.force_login(dora)
    mine = audiences.channels_of([dora.pk])[dora.pk]
    shown = {row["title"] for row in client.get("/api/v1/notifications/").json()["results"]}
    assert shown <= {target for target, (_, channel) in house.targets.items() if channel in mine}
    order = CONTENT | {"recipients": {"units": [house.unit.code]}}
    assert client.post("/api/v1/notifications/", order, content_type="application/json").status_code == 401


@pytest.mark.parametrize("address", ["/admin/notificacao/auditevent/", "/admin/autocomplete/"])
def test_the_role_alone_opens_neither_the_audit_with_its_export_nor_the_search_for_people(client, cras_norte, address):
    client.force_login(somebody(Role.COORDENADOR, cras_norte))
    names = {"app_label": "notificacao", "model_name": "membership", "field_name": "person", "term": "a"}
    assert client.get(address, names).status_code == 403
    assert client.post(address, {"action": "export", "_selected_action": [1]}).status_code in (403, 405)


@pytest.mark.parametrize("reached", [staff_scope.to_see, staff_scope.to_send, staff_scope.to_send_again])
def test_whoever_has_not_logged_in_or_is_inactive_reaches_nothing(reached, admin_user):
    admin_user.is_active = False
    assert not reached(admin_user)
    assert not reached(AnonymousUser())


# --- Whoever has lost their last role


def saved(person, role, unit):
    Membership.objects.create(person=person, role=role, unit=unit)


def in_bulk(person, role, unit):
    Membership.objects.bulk_create([Membership(person=person, role=role, unit=unit)])


def by_hand(person, role, unit):
    """As somebody at the database's own shell does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notificacao_membership (person_id, role, unit_id, since, created_at)"
            " VALUES (%s, %s, %s, 0, %s)",
            [person.pk, role, unit and unit.pk, "2026-01-01T00:00:00Z"],
        )


WAYS_IN = [(role, saved) for role in Role] + [(Role.TECNICO, in_bulk), (Role.GESTOR, by_hand)]


@pytest.mark.parametrize(("role", "begin"), WAYS_IN)
def test_an_account_reaches_nothing_more_once_its_last_role_ends(client, house, role, begin):
    dora = make_staff("dora", *ALL_PERMISSIONS)
    assert staff_scope.to_send(dora).everything
    begin(dora, role, house.unit if role in Role.of_a_unit() else None)
    Membership.objects.filter(person=dora).delete()
    client.force_login(dora)
    assert through_each(client, house) == NOTHING


def test_its_next_role_reaches_what_the_table_says_of_it(house):
    dora = somebody(Role.CIDADAO, None, *ALL_PERMISSIONS)
    dora.memberships.all().delete()
    Membership.objects.create(person=dora, role=Role.GESTOR)
    assert staff_scope.to_send(dora).everything


def test_roles_that_are_held_at_the_upgrade_are_remembered(ana, caio):
    migration = import_module("notificacao.migrations.0060_role_held")
    RoleHeld.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(migration.THOSE_THAT_HOLD_ONE)
        cursor.execute(migration.THOSE_THAT_HOLD_ONE)
    assert set(RoleHeld.objects.values_list("person", flat=True)) == {ana.pk, caio.pk}


# --- A coordinator


@pytest.fixture
def as_coordinator(client, cras_norte):
    client.force_login(somebody(Role.COORDENADOR, cras_norte, "add_notification"))
    return client


def test_another_unit_in_a_crafted_form_is_refused_in_portuguese(as_coordinator, cras_sul):
    refused = complaints(as_coordinator.post(ADD, CONTENT | {"unit": cras_sul.pk}))
    assert refused == ["Esta unidade não existe, está inativa ou não é das que você coordena."]


@pytest.mark.parametrize("target", ["person", "benefit", "everybody"])
def test_what_reaches_beyond_her_units_is_refused_beside_her_own_unit_too(as_coordinator, targets, target):
    refused = complaints(as_coordinator.post(ADD, CONTENT | targets[target][0] | targets["own unit"][0]))
    assert refused == ["Você não pode enviar a este destinatário: escolha um dos que o formulário oferece."]
    assert not Notification.objects.exists()


def test_without_a_unit_she_is_told_to_choose_one(as_coordinator):
    assert complaints(as_coordinator.post(ADD, CONTENT)) == ["Escolha a unidade."]
    assert "para todos" not in as_coordinator.get(ADD).content.decode()


def test_she_sends_to_each_unit_that_she_coordinates_and_to_none_where_she_works_otherwise(
    as_coordinator, cras_norte, cras_sul, django_user_model
):
    dora = django_user_model.objects.get(username="dora")
    work = Membership.objects.create(person=dora, role=Role.TECNICO, unit=cras_sul)
    assert set(staff_scope.to_send(dora).units()) == {cras_norte}
    work.delete()
    Membership.objects.create(person=dora, role=Role.COORDENADOR, unit=cras_sul)
    assert set(staff_scope.to_send(dora).units()) == {cras_norte, cras_sul}


def test_she_loses_it_with_the_membership(as_coordinator, house):
    Membership.objects.filter(role=Role.COORDENADOR).delete()
    Membership.objects.create(person_id=as_coordinator.session["_auth_user_id"], role=Role.CIDADAO)
    assert offered(as_coordinator, house) == listed(as_coordinator, house) == set()


def test_the_admins_first_page_shows_the_way_there(client, cras_norte):
    client.force_login(somebody(Role.COORDENADOR, cras_norte))
    assert f'href="{LIST}"' in (page := Client.get(client, "/admin/").content.decode())
    assert f'href="{ADD}"' in page
