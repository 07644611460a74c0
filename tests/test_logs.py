"""What the logs hold: enough to find a fault, nothing that is secret or somebody's own."""

import io
import json
import logging
import sys
from types import SimpleNamespace

import psycopg
import pytest
from django.conf import settings as shipped
from django.db import IntegrityError, OperationalError
from django.test import Client
from structlog.testing import capture_logs

from notificacao import outages
from notificacao.database import Outage
from notificacao.models import Role
from notificacao.outages import Repeats
from semtas.settings import log_format
from tests.asgi import set_rollout
from tests.conftest import make_person
from tests.documents import events
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


@pytest.mark.slow
def test_the_document_lists_each_event_with_its_level_and_fields():
    written, told = events.logged(), events.documented()
    assert len(told) == len(set(told))
    assert sorted(set(told) ^ written) == []


@pytest.mark.slow
def test_an_event_has_one_meaning_and_so_one_shape():
    names = [event.name for event in events.logged()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.slow
def test_no_notification_makes_a_line_of_its_own():
    """At info or above nothing names one; what comes in masses is told once a minute."""
    shown = [event for event in events.logged() if event.level != "debug"]
    assert [
        event for event in shown if event.fields & {"notification", "public_id", "seq", "event_id", "channel"}
    ] == []


@pytest.mark.parametrize(
    "line",
    ["logger.info(name, rows=1)", "logger.info('sent %s', 1)", "logger.info('sent', **why)", "logger.log(20, 'x')"],
)
def test_an_event_that_cannot_be_read_is_refused(line):
    with pytest.raises(AssertionError):
        list(events.events_in(line))


def test_a_line_within_a_trace_has_its_id(monkeypatch, written):
    """The library itself comes with the setting that turns traces on; here one span is open."""
    span = SimpleNamespace(is_valid=True, trace_id=0xABC, span_id=0xD)
    current = SimpleNamespace(get_span_context=lambda: span)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", SimpleNamespace(get_current_span=lambda: current))
    logging.getLogger("semtas").warning("within")
    span.is_valid = False
    logging.getLogger("semtas").warning("without")
    within, without = (json.loads(line) for line in written.getvalue().splitlines())
    assert within["trace_id"] == "0" * 29 + "abc"
    assert "trace_id" not in without


def test_what_comes_again_and_again_is_told_at_once_and_then_once_a_minute_with_its_number():
    moment = 0.0
    repeats = Repeats(lambda: moment)
    assert [repeats.due("a"), repeats.due("a"), repeats.due("b")] == [1, 0, 1]
    moment = outages.TOLD_EVERY
    assert [repeats.due("a"), repeats.due("a")] == [2, 0]


def test_the_database_goes_away_and_comes_back_in_one_line_each():
    outage = Outage()
    away = OperationalError("no route")
    away.__cause__ = psycopg.OperationalError("no route")
    with capture_logs() as lines:
        outage.answered()
        outage.failed(IntegrityError("somebody else was faster"))
        for _ in range(3):
            outage.failed(away)
        outage.answered()
        outage.answered()
    assert [line["event"] for line in lines] == ["database_away", "database_back"]
