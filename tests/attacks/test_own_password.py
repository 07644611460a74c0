"""A session that was stolen tries to find its person's password, or to open an account that outlives it."""

import pytest

from notificacao.models import AuditEvent, Person
from tests.staff import make_staff

OLD_AND_NEW = {
    "old_password": "segredo-de-teste",
    "new_password1": "tomada-de-assalto",
    "new_password2": "tomada-de-assalto",
}


@pytest.fixture
def dora(client, db):
    """The help desk, logged in."""
    dora = make_staff("dora", "view_person", "change_person")
    client.force_login(dora)
    return dora


def holds(person, password: str) -> bool:
    return Person.objects.get(pk=person.pk).check_password(password)


def wrong_passwords_on_record(person) -> list:
    events = AuditEvent.objects.filter(action="login_failed", who=person.public_id)
    return list(events.values_list("reason", flat=True))


@pytest.mark.usefixtures("time_stands_still")
def test_it_is_not_found_by_changing_it(client, dora, settings):
    settings.RATE_LOGIN = (10, 3)
    for number in range(3):
        client.post("/admin/password_change/", OLD_AND_NEW | {"old_password": f"errada-{number}"})
    assert wrong_passwords_on_record(dora) == ["own_password"]
    assert client.post("/admin/password_change/", OLD_AND_NEW).status_code == 200
    assert not holds(dora, "tomada-de-assalto")


def test_nor_unseen_by_acting_on_others(client, dora, ana):
    wrong = {"password1": "tomada-de-assalto", "password2": "tomada-de-assalto", "usable_password": "true"}
    client.post(
        f"/admin/notificacao/person/{ana.pk}/password/", wrong | {"set-password": "1", "own_password": "errada"}
    )
    assert wrong_passwords_on_record(dora) == ["own_password"]


def test_a_change_is_on_record(client, dora):
    assert client.post("/admin/password_change/", OLD_AND_NEW).status_code == 302
    assert holds(dora, "tomada-de-assalto")
    event = AuditEvent.objects.get(action="account_changed")
    assert (event.who, event.data) == (dora.public_id, {"to": dora.public_id, "changed": ["password"]})
    assert client.get("/admin/").status_code == 200


def test_no_account_is_opened_without_it_and_one_that_is_is_on_record(client, cras_norte):
    eva = make_staff("eva", "add_person", "change_person", "view_person", "add_membership")
    client.force_login(eva)
    new = {"username": "nova", "usable_password": "true", "password1": "tomada-de-assalto"}
    new |= {"password2": "tomada-de-assalto", "memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 0}
    new |= {"memberships-0-role": "TECNICO", "memberships-0-unit": cras_norte.pk}
    for own in ({}, {"own_password": "errada"}):
        assert client.post("/admin/notificacao/person/add/", new | own).status_code == 200
    assert not Person.objects.filter(username="nova").exists()
    assert client.post("/admin/notificacao/person/add/", new | {"own_password": "segredo-de-teste"}).status_code == 302
    nova = Person.objects.get(username="nova")
    event = AuditEvent.objects.get(action="account_changed")
    assert (event.who, event.data) == (eva.public_id, {"to": nova.public_id, "changed": ["opened"]})
