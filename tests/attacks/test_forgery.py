"""Forged forms: every address that changes something wants the token of this site's own pages."""

import uuid

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from semtas.settings import MIDDLEWARE
from tests.staff import make_staff

pytestmark = pytest.mark.slow

IDS = {"<uuid:public_id>": str(uuid.uuid4()), "<slug:word>": "lida", "<path:object_id>": "1", "<int:pk>": "1"}
BY_KEY = "/api/v1/notifications/"  # POST is for systems with a key, which no browser sends by itself


def addresses(resolver=None, prefix="/"):
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern).removeprefix("^")
        for variable, value in IDS.items():
            route = route.replace(variable, value)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, route)
        elif not set(route) & set("<(?$"):
            yield route


def test_no_address_takes_a_post_without_the_token(admin_user):
    forger = Client(enforce_csrf_checks=True, raise_request_exception=False)
    forger.force_login(admin_user)
    statuses = {address: forger.post(address).status_code for address in addresses()}
    assert len(statuses) > 60
    taken = {address for address, status in statuses.items() if status not in (403, 405, 404)}
    assert taken == {BY_KEY}
    assert statuses[BY_KEY] == 401


def test_a_session_alone_sends_nothing_as_a_system(admin_user):
    client = Client()
    client.force_login(admin_user)
    assert client.post(BY_KEY, {}, content_type="application/json").status_code == 401


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_no_address_of_the_api_takes_a_method_that_nobody_wrote(as_ana, method):
    here = [address for address in addresses() if address.startswith("/api/v1/")]
    assert {getattr(as_ana, method)(address).status_code for address in here} == {405}


def test_no_file_beyond_the_static_ones_is_served(client, db, settings):
    settings.MIDDLEWARE = MIDDLEWARE  # tests/conftest.py takes the one that serves them away
    addresses = ["notificacao/style.css", "../semtas/settings.py", "%2e%2e/.env", "/etc/passwd"]
    assert [client.get(f"/static/{address}").status_code for address in addresses] == [200, 404, 404, 404]


@pytest.mark.parametrize("there", ["https://mal.example/", "//mal.example", "/\\mal.example", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(client, ana, there):
    login = client.post("/entrar/", {"username": "ana", "password": "segredo-de-teste", "next": there})
    assert login["Location"] == "/notificacoes/"
    acted = client.post("/notificacoes/todas-lidas/", {"up_to": "x", "next": there})
    assert acted["Location"] == "/notificacoes/"


def test_a_session_is_another_one_after_the_login(client, ana):
    client.get("/admin/login/")
    client.cookies["sessionid"] = "a" * 32
    client.post("/entrar/", {"username": "ana", "password": "segredo-de-teste"})
    assert client.cookies["sessionid"].value != "a" * 32


def test_staff_without_permissions_see_no_list_of_the_admin(client, db):
    client.force_login(make_staff("dora"))
    lists = [
        address for address in addresses() if address.startswith("/admin/notificacao/") and address.count("/") == 4
    ]
    assert len(lists) > 8
    assert {client.get(address).status_code for address in lists} == {403}
