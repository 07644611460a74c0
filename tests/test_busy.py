"""Somebody else holds the SQLite file: who asks is answered soon, and what was refused is not half done."""

import contextlib
import sqlite3

import pytest
from django.db import connection
from django.http import HttpResponse

from notificacao import reading
from notificacao.dispatcher import claims
from notificacao.models import Notification
from semtas.middleware import Sessions
from tests.producers import System, make_producer, to
from tests.stamping import fill

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

READ_ALL = "/api/v1/notifications/read-all/"


@pytest.fixture
def held():
    """`with held():` another process keeps a transaction open. Whoever writes meanwhile finds that out soon."""

    @contextlib.contextmanager
    def hold():
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 1")
        with contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    yield hold
    connection.close()


def is_busy(response):
    return response.status_code == 503 and int(response["Retry-After"]) > 0 and response["Cache-Control"] == "no-store"


def test_a_person_who_marks_all_as_read_is_told_to_try_again_and_then_it_works(as_ana, ana, of_ana, held):
    fill(of_ana)
    with held():
        response = as_ana.post(READ_ALL, {}, content_type="application/json")
    assert is_busy(response)
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "database_busy"
    assert reading.unread_of(ana) == 1
    assert as_ana.post(READ_ALL, {}, content_type="application/json").status_code == 200
    assert reading.unread_of(ana) == 0


def test_a_system_that_sends_is_told_to_try_again_and_sends_once_under_its_key(ana, held):
    system = System(make_producer())
    with held():
        refused = system.post(to(people=["ana"]), **{"Idempotency-Key": "x"})
    assert (is_busy(refused), refused.json()["code"]) == (True, "database_busy")
    assert Notification.objects.count() == 0
    answers = [system.post(to(people=["ana"]), **{"Idempotency-Key": "x"}).status_code for _ in range(2)]
    assert (answers, Notification.objects.count()) == ([201, 201], 1)


def test_a_person_who_logs_in_gets_a_page_that_says_so(client, ana, held):
    with held():
        response = client.post("/entrar/", {"username": "ana", "password": "segredo-de-teste"})
    assert is_busy(response)
    assert "O sistema está ocupado e o seu pedido não foi feito." in response.content.decode()
    assert "sessionid" not in response.cookies


def test_a_view_that_changed_a_session_which_cannot_be_saved_is_answered_503(as_ana, rf, held):
    request = rf.get("/notificacoes/")
    request.COOKIES.update({name: morsel.value for name, morsel in as_ana.cookies.items()})

    def view(request):
        request.session["visto"] = True
        return HttpResponse()

    with held():
        assert is_busy(Sessions(view)(request))
    assert Sessions(view)(request).status_code == 200


def test_who_only_reads_is_not_held_up(as_ana, of_ana, held):
    fill(of_ana)
    with held():
        assert as_ana.get("/notificacoes/").status_code == 200
        assert as_ana.get("/api/v1/notifications/").status_code == 200


def test_a_dispatcher_that_finds_nothing_to_claim_waits_for_nobody(db, held):
    with held():
        assert claims.claim(7) == ("", [])
