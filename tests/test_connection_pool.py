"""The pool of connections to PostgreSQL: after an outage, in a rush, and where the database has defaults of its own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, connections
from django.test import Client

from notificacao import eventlog, reading
from notificacao.database import DatabaseThread
from notificacao.models import Notification
from notificacao.server import readiness
from semtas.postgresql import reserve
from tests.producers import System, make_producer, to
from tests.stamping import fill

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True, serialized_rollback=True)]


@pytest.fixture
def copies():
    """As many connections as the pool holds, each as a thread of its own would have it."""
    made = [connection.copy("pool_of_its_own") for _ in range(settings.DATABASE_POOL_MAX)]
    with reserve.meanwhile():
        yield made
    for copy in made:
        copy.close()
    made[0].close_pool()


def number(copy) -> int:
    with copy.cursor() as cursor:
        return cursor.execute("SELECT pg_backend_pid()").fetchone()[0]


def test_a_pool_full_of_dead_connections_gives_one_that_lives(copies):
    dead = {number(copy) for copy in copies}
    assert len(dead) == settings.DATABASE_POOL_MAX
    for copy in copies:
        copy.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [list(dead)])
    assert number(copies[0]) not in dead


def test_where_no_connection_answers_the_pool_is_not_tried_for_ever(copies, monkeypatch):
    def dead(connection):
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(copies[0].pool, "check_connection", dead)
    with pytest.raises(psycopg.OperationalError, match=f"None of {settings.DATABASE_POOL_MAX + 1} connections"):
        copies[0].get_new_connection(copies[0].get_connection_params())


@pytest.fixture(params=["repeatable read", "serializable"])
def strict(request):
    """A database whose transactions are of that level where nobody says otherwise; no connection is older."""
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET default_transaction_isolation TO '{request.param}'")
    connection.close()
    connection.close_pool()
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET default_transaction_isolation")


def test_transactions_are_read_committed_whatever_the_database_has_as_its_default(strict):
    copy = connection.copy("pool_of_its_own")
    session = number(copy)
    try:
        assert isolation_of(copy) == "read committed"
        copy.set_autocommit(False)
        assert isolation_of(copy) == "read committed"
        copy.rollback()
        copy.set_autocommit(True)
    finally:
        copy.close()
        copy.close_pool()
    while is_there(session):  # the database is dropped after the last test
        pass


def statuses(number, ask):
    """How many requests got which status, where `number` of them are under way, eight at once."""

    def one(place):
        try:
            return ask(Client(raise_request_exception=False), place).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as crowd:
        return Counter(crowd.map(one, range(number)))


def test_ana_on_many_devices_who_mark_all_as_read_at_once_is_refused_nowhere(strict, as_ana, ana, of_ana):
    fill(*[of_ana] * 40)

    def read_all(client, place):
        client.cookies = as_ana.cookies
        up_to = {"up_to": f"{eventlog.position().epoch}.{place + 1}"}
        return client.post("/api/v1/notifications/read-all/", up_to, content_type="application/json")

    assert statuses(40, read_all) == {200: 40}
    assert reading.unread_of(ana) == 0


def test_one_key_sent_many_times_at_once_is_answered_each_time_and_sends_once(strict, ana):
    system = System(make_producer())

    def send(client, place):
        return System(system.producer, system.key).post(to(people=["ana"]), **{"Idempotency-Key": "x"})

    assert statuses(80, send) == {201: 80}
    assert Notification.objects.count() == 1


def test_ana_logs_in_on_many_devices_at_once(strict, ana, settings):
    settings.RATE_LOGIN = settings.RATE_LOGIN_ADDRESS  # of one person too
    login = {"username": "ana", "password": "segredo-de-teste"}
    assert statuses(24, lambda client, place: client.post("/entrar/", login)) == {302: 24}


def is_there(session) -> bool:
    with connection.cursor() as cursor:
        return bool(cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [session]).fetchone())


def isolation_of(copy) -> str:
    with copy.cursor() as cursor:
        return cursor.execute("SHOW transaction_isolation").fetchone()[0]


@pytest.fixture
def requests_hold_all(monkeypatch):
    """As many connections of the site's own pool as requests get, none of which is given back; nobody waits long."""
    connection.close()
    held = [connection.copy() for _ in range(settings.DATABASE_POOL_MAX - settings.DATABASE_POOL_RESERVED)]
    try:
        for one in held:
            one.ensure_connection()
        monkeypatch.setattr(connection.pool, "timeout", 0.01)
        with pytest.raises(OperationalError):
            connection.ensure_connection()
        yield held
    finally:
        for one in held:
            one.close()


def elsewhere(work):
    """What `work` returns on a thread that holds no connection yet."""

    def run():
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        return other.submit(run).result()


def test_health_has_a_connection_while_requests_hold_all_that_they_may(requests_hold_all, monkeypatch):
    monkeypatch.setattr(connection.pool, "timeout", 10)
    assert elsewhere(readiness.judge)["checks"]["database"]


async def test_a_stream_has_a_connection_while_requests_hold_all_that_they_may(requests_hold_all, monkeypatch):
    monkeypatch.setattr(connection.pool, "timeout", 10)
    thread = DatabaseThread("stream")
    assert await thread.run(lambda: connection.cursor().execute("SELECT 1").fetchone()) == (1,)
    thread.close()


def test_a_connection_that_a_request_gives_back_serves_another(requests_hold_all):
    requests_hold_all[0].close()
    assert elsewhere(lambda: number(connection))


ASKED = [
    ("get", "/notificacoes/"),
    ("get", "/api/v1/session/"),
    ("get", "/admin/"),
    ("get", "/admin/password_change/"),
    ("post", "/entrar/"),
    ("post", "/admin/login/"),
]


@pytest.mark.parametrize(("method", "address"), ASKED)
def test_who_finds_no_connection_is_told_when_to_come_back_and_stays_logged_in(admin_client, request, method, address):
    request.getfixturevalue("requests_hold_all")
    answer = getattr(admin_client, method)(address)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "sessionid" not in answer.cookies


@pytest.mark.parametrize("address", ["/entrar/", "/admin/login/"])
def test_a_login_that_finds_no_connection_is_told_when_to_come_back(client, admin_user, request, address):
    request.getfixturevalue("requests_hold_all")
    answer = client.post(address, {"username": "admin", "password": "password"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


@pytest.mark.parametrize("address", ["/health/ready/", "/health/nada", "/metrics/"])
def test_what_only_begins_like_a_health_check_is_no_error_either(admin_client, request, address):
    request.getfixturevalue("requests_hold_all")
    answer = admin_client.get(address)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
