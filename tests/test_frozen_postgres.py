"""PostgreSQL keeps a connection open and never answers, or cuts it in the middle of a statement."""

import contextlib
import signal
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection

from notificacao import database
from notificacao.models import Notification
from notificacao.server import readiness
from notificacao.services import notify
from semtas.postgresql import deadline
from tests.asgi import DEADLINE, in_database
from tests.live.process import signal_each
from tests.producers import System, make_producer, to
from tests.stamping import fill

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

SOON = 0.5  # seconds; as the process has it, while it serves
PROBLEM = "application/problem+json"


@pytest.fixture
def soon():
    deadline.for_all_threads(SOON)
    yield
    deadline.for_all_threads(None)


@pytest.fixture(autouse=True)
def dropped_at_the_end(db):
    """A request's end drops a connection that failed; the test client leaves it."""
    yield
    connection.close()


def sessions() -> list[int]:
    """The server's processes that serve this database, but for our own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [pid for (pid,) in cursor.fetchall()]


def own() -> int:
    with connection.cursor() as cursor:
        return cursor.execute("SELECT pg_backend_pid()").fetchone()[0]


@contextlib.contextmanager
def frozen(*pids):
    signal_each(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        signal_each(pids, signal.SIGCONT)


def cut_at(word: str, times: int = 1):
    """The first `times` statements with that word: an administrator ends their session before they are done."""
    left = [times]

    def cut(execute, sql, params, many, context):
        if word in sql and left[0]:
            left[0] -= 1
            sql, params, many = "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(60)", (), False
        return execute(sql, params, many, context)

    return connection.execute_wrapper(cut)


def test_a_statement_that_is_not_answered_ends_and_the_next_has_a_fresh_connection(soon):
    first = own()
    with frozen(first):
        with pytest.raises(OperationalError, match="did not answer within") as raised:
            own()
        assert database.is_away(raised.value)
        connection.close()
        assert own() != first


def test_a_pool_of_frozen_connections_gives_one_that_answers_or_says_so_in_time(soon):
    first = own()
    connection.close()
    with frozen(first):
        assert own() != first


def test_a_call_over_a_connection_that_freezes_is_answered(soon, as_ana, of_ana):
    fill(of_ana)
    with frozen(own()):
        answer = as_ana.get("/api/v1/notifications/")
    assert (answer.status_code, len(answer.json()["results"])) == (200, 1)


def test_a_thread_may_have_more_patience_than_the_process(soon):
    deadline.from_now_on(60)
    try:
        assert deadline.bound() == 60
        with deadline.within(2):
            assert deadline.bound() == 2
    finally:
        deadline.from_now_on(None)
    assert deadline.bound() == SOON


def test_health_does_not_wait_for_what_is_frozen(soon, monkeypatch):
    monkeypatch.setattr(readiness, "WITHIN", 0.1)
    with frozen(own()):
        assert not readiness.judge()["checks"]["database"]
    connection.close()
    assert readiness.judge()["checks"]["database"]


async def test_a_hub_whose_connections_freeze_reconnects_and_nothing_is_lost(soon, site, ana, of_ana):
    page = await site.open(ana)
    pids = await in_database(sessions)
    assert pids
    with frozen(*pids):
        await in_database(lambda: (notify([of_ana], title="Durante", message="m"), fill()))
        event = await page.next("notification", within=DEADLINE)
    assert event.data["title"] == "Durante"
    assert not page.over


@pytest.mark.parametrize("path", ["/api/v1/notifications/", "/api/v1/session/", "/notificacoes/"])
def test_a_read_whose_connection_is_cut_is_done_once_more(as_ana, of_ana, path):
    fill(of_ana)
    for word in ("django_session", "FROM"):
        with cut_at(word):
            assert as_ana.get(path).status_code == 200


def test_a_read_that_is_cut_twice_is_answered_503(as_ana, of_ana):
    for word in ("django_session", "notificacao_notification"):
        with cut_at(word, times=2):
            answer = as_ana.get("/api/v1/notifications/")
        assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "2", PROBLEM)
        assert answer.json()["code"] == "database_away"


@pytest.mark.parametrize("word", ['INSERT INTO "notificacao_notification"', "notificacao_keptanswer", "FROM"])
def test_a_write_whose_connection_is_cut_did_nothing_and_says_so(ana, word):
    system = System(make_producer())
    with cut_at(word):
        answer = system.post(to(people=["ana"]), **{"Idempotency-Key": "x"})
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "2", PROBLEM)
    assert answer.json()["code"] == "database_away"
    assert Notification.objects.count() == 0
    assert system.post(to(people=["ana"]), **{"Idempotency-Key": "x"}).status_code == 201


def test_a_write_that_is_lost_in_its_commit_is_not_said_to_be_undone(soon, ana, monkeypatch):
    system = System(make_producer())
    commit, lost = deadline.Connection.commit, SimpleNamespace(once=True)

    def lose(self):
        commit(self)
        if lost.once and self.info.dbname == connection.settings_dict["NAME"]:
            lost.once = False
            raise deadline.NoAnswer("gone")

    monkeypatch.setattr(deadline.Connection, "commit", lose)
    answer = system.post(to(people=["ana"]), **{"Idempotency-Key": "x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    assert system.post(to(people=["ana"]), **{"Idempotency-Key": "x"}).status_code == 201
    assert Notification.objects.count() == 1


def test_a_login_whose_connection_is_cut_is_answered_503(client, ana):
    with cut_at("FROM"):
        answer = client.post("/entrar/", {"username": "ana", "password": "segredo-de-teste"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert client.post("/entrar/", {"username": "ana", "password": "segredo-de-teste"}).status_code == 302
