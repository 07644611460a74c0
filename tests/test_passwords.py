"""Passwords are hashed in turn, and nobody else waits for them."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, check_password, identify_hasher, make_password
from django.db import connection, connections
from django.test import Client

from notificacao import passwords
from notificacao.models import Person
from notificacao.passwords import Argon2id, Busy, InTurn, Turns
from tests.waiting import PATIENCE, eventually

PASSWORD = "segredo-de-teste"
DOORS = ["/entrar/", "/admin/login/"]


class Held(MD5PasswordHasher):
    """Takes as long as the test wants."""

    go_on = threading.Event()

    def encode(self, *args) -> str:
        assert self.go_on.wait(PATIENCE)
        return super().encode(*args)


class HeldInTurn(InTurn, Held):
    pass


@pytest.fixture
def held(settings, monkeypatch):
    """Passwords are hashed while the event is set, as it is; two may wait behind the one that is under way."""
    settings.PASSWORD_HASHERS = [f"{__name__}.HeldInTurn"]
    Held.go_on.set()
    monkeypatch.setattr(passwords, "_turns", Turns(1, 2, PATIENCE))
    yield Held.go_on
    Held.go_on.set()


def log_in(door="/entrar/", name="ana", password=PASSWORD):
    return Client().post(door, {"username": name, "password": password})


def elsewhere(*attempt):
    """Log in on a thread that has a connection of its own, as each request has."""
    try:
        return log_in(*attempt)
    finally:
        connections.close_all()


@pytest.fixture
def crowd():
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("door", DOORS)
def test_whoever_comes_when_too_many_wait_is_asked_to_come_back_and_is_let_in_then(admin_user, held, crowd, door):
    held.clear()
    waiting = [crowd.submit(elsewhere, door, "admin", "password") for _ in range(3)]
    asyncio.run(eventually(lambda: passwords.turns().full))
    refused = log_in(door, "admin", "password")
    assert refused.status_code == 503
    assert 3 <= int(refused["Retry-After"]) <= 8
    assert "no-store" in refused["Cache-Control"]
    assert "Muitas pessoas estão entrando agora" in refused.content.decode()
    assert b'"password"' not in refused.content
    held.set()
    assert [one.result().status_code for one in waiting] == [302, 302, 302]
    assert log_in(door, "admin", "password").status_code == 302


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize(("name", "word"), [("ana", PASSWORD), ("ana", "errada"), ("ninguem", PASSWORD)])
def test_nobody_holds_a_connection_while_passwords_are_hashed(ana, held, crowd, name, word):
    connection.close()
    held.clear()
    waiting = [crowd.submit(elsewhere, "/entrar/", name, word) for _ in range(3)]
    asyncio.run(eventually(lambda: passwords.turns().full))
    state = connection.pool.get_stats()
    assert state["pool_available"] == state["pool_size"] > 0
    held.set()
    assert {one.result().status_code for one in waiting} == {302 if (name, word) == ("ana", PASSWORD) else 200}


def test_whoever_changes_their_own_password_is_asked_to_wait_as_well(admin_client, held, monkeypatch):
    def busy(*_):
        raise Busy

    monkeypatch.setattr(passwords, "in_turn", busy)
    form = {
        "old_password": "password",
        "new_password1": "outra-senha-de-teste",
        "new_password2": "outra-senha-de-teste",
    }
    assert admin_client.post("/admin/password_change/", form).status_code == 503


def test_whose_turn_does_not_come_in_time_leaves_the_queue():
    turns, go_on = Turns(1, 2, 0.01), threading.Event()
    with ThreadPoolExecutor(1) as other:
        first = other.submit(turns.run, lambda: go_on.wait(PATIENCE))
        asyncio.run(eventually(lambda: turns.under_way == 1))
        with pytest.raises(Busy):
            turns.run(lambda: "never")
        assert turns.under_way == 1
        go_on.set()
        assert first.result()
    assert turns.run(lambda: "now") == "now"


@pytest.fixture
def shipped(settings):
    settings.PASSWORD_HASHERS = ["notificacao.passwords.Argon2id", "notificacao.passwords.PBKDF2"]


def test_a_password_is_kept_as_argon2id_in_the_form_that_django_reads(shipped):
    encoded = make_password(PASSWORD)
    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert check_password(PASSWORD, encoded)
    assert not check_password("errada", encoded)
    assert not identify_hasher(encoded).must_update(encoded)
    assert PASSWORD not in str(identify_hasher(encoded).safe_summary(encoded))


def test_an_older_cost_is_brought_up_to_date(shipped, monkeypatch):
    encoded = make_password(PASSWORD)
    monkeypatch.setattr(Argon2id, "cost", passwords._Cost(memory_cost=20_000, iterations=2, lanes=1))
    assert identify_hasher(encoded).must_update(encoded)
    assert check_password(PASSWORD, encoded)


def test_a_password_of_before_argon2id_still_lets_in_and_is_hashed_anew(shipped, ana):
    Person.objects.filter(pk=ana.pk).update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    assert log_in().status_code == 302
    ana.refresh_from_db()
    assert ana.password.startswith("argon2$")
    assert log_in().status_code == 302


@pytest.fixture
def hashed(shipped, monkeypatch):
    """Which ways of hashing were gone."""
    ways = []
    for way, name in ((passwords.PBKDF2PasswordHasher, "encode"), (Argon2id, "_encode"), (Argon2id, "_verify")):
        monkeypatch.setattr(way, name, _counted(way.__name__, getattr(way, name), ways))
    return ways


def _counted(name, work, ways):
    def counted(*args, **kwargs):
        ways.append(name)
        return work(*args, **kwargs)

    return counted


@pytest.mark.parametrize("name", ["ana", "bia", "ninguem"])
@pytest.mark.parametrize("door", DOORS)
def test_a_refusal_costs_the_same_whoever_is_named_and_however_old_their_password_is(ana, bia, hashed, name, door):
    for person, hasher in ((ana, "pbkdf2_sha256"), (bia, "argon2")):
        Person.objects.filter(pk=person.pk).update(password=make_password(PASSWORD, hasher=hasher))
    hashed.clear()
    assert log_in(door, name, "errada").status_code == 200
    assert sorted(hashed) == ["Argon2id", "PBKDF2PasswordHasher"]


@pytest.mark.parametrize("name", ["bia", "ninguem"])
def test_once_nobodys_password_is_old_a_refusal_is_cheap(bia, hashed, name):
    Person.objects.update(password=make_password(PASSWORD))
    hashed.clear()
    log_in("/entrar/", name, "errada")
    assert hashed == ["Argon2id"]
