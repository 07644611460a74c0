"""How often a person may call the API, by role; and how often somebody may try to log in."""

import pytest
from django.test import Client

from notificacao.models import Membership, Person, Role
from tests.conftest import make_person

SESSION = "/api/v1/session/"


@pytest.fixture(autouse=True)
def narrow(settings, time_stands_still):
    settings.RATE_CALLS = 1
    settings.RATE_USER, settings.RATE_STAFF, settings.RATE_SYSTEM = (6, 2), (60, 4), (600, 9)
    settings.RATE_LOGIN, settings.RATE_LOGIN_ADDRESS = (6, 2), (60, 5)


def calls(person, times=12):
    client = Client()
    client.force_login(person)
    return [client.get(SESSION).status_code for _ in range(times)]


def allowed(person):
    return calls(person).count(200)


def test_staff_may_call_more_often_than_a_citizen(ana, db):
    assert allowed(make_person("cidada", Role.CIDADAO)) == 2
    assert allowed(make_person("ninguem")) == 2
    assert allowed(ana) == 4
    assert allowed(make_person("dora", is_staff=True)) == 4


def test_each_kind_of_call_is_answered_with_when_to_come_back(ana):
    client = Client()
    client.force_login(ana)
    calls(ana)
    for answer in (client.get(SESSION), client.post("/api/v1/receipts/", [], content_type="application/json")):
        assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
        assert answer["Content-Type"].startswith("application/problem+json")
        assert answer["Retry-After"] == "1"


def test_one_persons_calls_keep_nobody_else_out(ana, bia):
    calls(ana)
    assert allowed(bia) == 4


def test_a_call_allows_more_with_each_notification_that_it_stands_for(ana, settings):
    settings.RATE_CALLS = 2
    assert allowed(ana) == 8


def test_a_role_that_is_given_counts_from_the_next_call_on(db):
    person = make_person("cidada")
    assert allowed(person) == 2
    Membership.objects.create(person=person, role=Role.GESTOR)
    assert calls(Person.objects.get(pk=person.pk), 1) == [200]


LOGINS = ["/entrar/", "/admin/login/"]


def attempt(client, address, username="ana", password="errada", **headers):
    return client.post(address, {"username": username, "password": password}, **headers)


@pytest.mark.parametrize("address", LOGINS)
def test_who_tries_too_often_to_log_in_is_told_when_to_try_again_and_the_password_is_not_looked_at(
    client, ana, address
):
    answers = [attempt(client, address) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    refused = attempt(client, address, password="segredo-de-teste")
    assert refused.status_code == 429
    assert refused["Retry-After"] == "10"
    assert "Tente de novo em 10 segundos" in refused.content.decode()
    assert client.get(SESSION).status_code == 401


def test_both_doors_and_each_way_to_write_a_name_count_together(client, ana):
    attempt(client, LOGINS[0], "ana")
    attempt(client, LOGINS[1], " ANA ")
    assert attempt(client, LOGINS[0], "Ana").status_code == 429


def test_another_name_is_let_in(client, ana, bia):
    for _ in range(3):
        attempt(client, LOGINS[0])
    assert attempt(client, LOGINS[0], "bia", "segredo-de-teste").status_code == 302


def test_one_address_that_tries_many_names_is_kept_out(client, db):
    answers = [attempt(client, LOGINS[0], f"nome{number}").status_code for number in range(7)]
    assert answers == [200] * 5 + [429] * 2


@pytest.mark.parametrize("address", LOGINS)
def test_to_look_at_the_page_is_no_attempt(client, db, address):
    assert {client.get(address).status_code for _ in range(9)} == {200}
