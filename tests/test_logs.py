"""What the logs hold: enough to find a fault, nothing that is secret or somebody's own."""

import io
import json
import logging

import pytest
from django.conf import settings as shipped
from django.test import Client

from notificacao.models import Role
from semtas.settings import log_format
from tests.asgi import set_rollout
from tests.conftest import make_person
from tests.producers import System, make_producer, to
from tests.stamping import stamp_all

TITLE, BODY = "Visita confidencial", "O endereço é Rua das Acácias, 9."
CPF, EMAIL, PASSWORD = "529.982.247-25", "maria.silva@example.com", "segredo-de-teste"
OWN = (TITLE, BODY, CPF, "529.982", EMAIL, "maria.silva", PASSWORD, "senha-errada-1", "Ribeiro", "segredo-da-chave")


@pytest.fixture
def written():
    """All lines from here on, as production writes them."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    formatter = shipped.LOGGING["formatters"]["json"].copy()
    handler.setFormatter(formatter.pop("()")(**formatter))
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


def scene() -> list[str]:
    """A day at the site, with all that goes wrong; the secrets that were in play."""
    make_person("ana.ribeiro", Role.GESTOR, first_name="Ana", last_name="Ribeiro", email=EMAIL)
    page = Client()
    page.post("/entrar/", {"username": "ana.ribeiro", "password": "senha-errada-1"})
    page.post("/entrar/", {"username": "ana.ribeiro", "password": PASSWORD})
    system = System(make_producer())
    system.post(to(people=["ana.ribeiro"]) | {"title": TITLE, "message": BODY})
    system.post(to(everybody=True) | {"title": TITLE, "message": CPF})
    System(system.producer, "AAAAAAAA." + "b" * 32).post({})
    stamp_all()
    token = page.post("/api/v1/ably/token/").json()["token"]
    keys = [channel["key"] for channel in page.get("/api/v1/session/?ed25519=true").json()["channels"]]
    for address in ("/api/v1/notifications/", "/notificacoes/", "/nada/"):
        page.get(address, {"q": f"{CPF} {EMAIL}", "kind": "nada"})
    Client(enforce_csrf_checks=True).post("/entrar/", {"username": EMAIL, "password": PASSWORD})
    session = page.session.session_key
    page.post("/sair/")
    return [session, token, system.key, "b" * 32, *keys]


def test_a_day_at_the_site_leaves_no_secret_and_nobodys_data_in_the_logs(db, settings, written):
    settings.ABLY_API_KEY = "app.key:segredo-da-chave-do-ably-com-32-letras"
    set_rollout(percent=100, breaker="closed")
    secrets = scene()
    log = written.getvalue()
    assert len([json.loads(line) for line in log.splitlines()]) > 5
    assert [own for own in (*OWN, *secrets) if own in log] == []


def test_an_address_with_a_line_break_makes_no_line_of_its_own(db, client, written):
    client.get("/nada%0a%7B%22event%22:%22forjado%22%7D/")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert lines
    assert all(line["event"] != "forjado" for line in lines)


@pytest.mark.parametrize(
    ("debug", "terminal", "written_for"), [(True, True, "people"), (True, False, "json"), (False, True, "json")]
)
def test_logs_are_written_for_people_on_a_terminal_of_their_own_and_as_json_elsewhere(debug, terminal, written_for):
    assert log_format(debug, terminal) == written_for


def test_what_is_written_for_people_is_one_line_that_names_event_and_facts():
    formatter = shipped.LOGGING["formatters"]["people"].copy()
    line = formatter.pop("()")(**formatter).format(logging.makeLogRecord({"msg": "site_up", "name": "semtas"}))
    assert "site_up" in line
    assert not line.startswith("{")
