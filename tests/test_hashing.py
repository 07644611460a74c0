"""Passwords are hashed a few at a time, without a connection; whoever finds no turn is told when to come back."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, check_password, identify_hasher, make_password
from django.db import connection, connections, transaction
from django.test import Client

from notificacao import hashing
from notificacao.hashing import QueuedArgon2, QueuedPBKDF2, TooManyLogins, Turns
from notificacao.models import Person
from semtas import settings as written
from tests.waiting import PATIENCE, eventually

PASSWORD = "segredo-de-teste"
DOORS = ["/entrar/", "/admin/login/"]
NEW = {"new_password1": "outra-senha-de-teste", "new_password2": "outra-senha-de-teste"}


@pytest.fixture
def shipped(settings):
    settings.PASSWORD_HASHERS = written.PASSWORD_HASHERS


def log_in(door="/entrar/", name="ana", password=PASSWORD):
    return Client().post(door, {"username": name, "password": password})


def test_a_password_is_kept_at_the_cost_that_owasp_recommends(shipped):
    encoded = make_password(PASSWORD)
    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert check_password(PASSWORD, encoded)
    assert not check_password("errada", encoded)
    assert not identify_hasher(encoded).must_update(encoded)


@pytest.mark.slow
def test_a_password_of_before_argon2id_still_lets_in_and_is_hashed_anew(shipped, settings, ana):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    Person.objects.filter(pk=ana.pk).update(password=make_password(PASSWORD))
    settings.PASSWORD_HASHERS = written.PASSWORD_HASHERS
    assert log_in().status_code == 302
    ana.refresh_from_db()
    assert ana.password.startswith("argon2$")
    assert log_in().status_code == 302


@pytest.fixture
def hashed(shipped, monkeypatch):
    """Which ways of hashing were gone."""
    ways = []
    for way, name in ((QueuedPBKDF2, "encode"), (QueuedArgon2, "encode"), (QueuedArgon2, "verify")):
        monkeypatch.setattr(way, name, _noted(way.algorithm, getattr(way, name), ways))
    return ways


def _noted(name, work, ways):
    def noted(*args, **kwargs):
        ways.append(name)
        return work(*args, **kwargs)

    return noted


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ana", "bia", "ninguem"])
@pytest.mark.parametrize("door", DOORS)
def test_a_refusal_costs_the_same_whoever_is_named_and_however_old_their_password_is(ana, bia, hashed, name, door):
    for person, hasher in ((ana, "pbkdf2_sha256"), (bia, "argon2")):
        Person.objects.filter(pk=person.pk).update(password=make_password(PASSWORD, hasher=hasher))
    hashed.clear()
    assert log_in(door, name, "errada").status_code == 200
    assert sorted(hashed) == ["argon2", "pbkdf2_sha256"]


@pytest.mark.parametrize("name", ["bia", "ninguem"])
def test_once_nobodys_password_is_old_a_refusal_is_cheap(bia, hashed, name):
    Person.objects.update(password=make_password(PASSWORD))
    hashed.clear()
    log_in("/entrar/", name, "errada")
    assert hashed == ["argon2"]


def test_turns_come_in_order_and_no_more_than_so_many_at_once():
    turns, order, inside, most = Turns(1, 10), [], [], []
    first, go_on = threading.Event(), threading.Event()

    def work(name):
        with turns.turn(PATIENCE):
            inside.append(name)
            most.append(len(inside))
            order.append(name)
            if name == 0:
                first.set()
                assert go_on.wait(PATIENCE)
            inside.remove(name)

    threads = []
    for name in range(5):
        threads.append(threading.Thread(target=work, args=(name,)))
        threads[-1].start()
        assert first.wait(PATIENCE)
        while name and len(turns._queue) < name:
            pass
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert order == [0, 1, 2, 3, 4]
    assert max(most) == 1


def test_who_gets_no_turn_in_time_or_finds_too_many_waiting_is_told_so_and_leaves_no_trace():
    turns = Turns(1, 0)
    with turns.turn(0.0):
        with pytest.raises(TooManyLogins), turns.turn(PATIENCE):
            pass
        turns._waiting_at_most = 1
        with pytest.raises(TooManyLogins), turns.turn(0.0):
            pass
    with turns.turn(0.0):
        pass
    assert not turns._queue


def test_a_turn_is_given_back_also_by_a_hash_that_fails():
    turns = Turns(1, 1)
    with pytest.raises(ZeroDivisionError), turns.turn(0.0):
        1 / 0  # noqa: B018
    with turns.turn(0.0):
        pass


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize(
    ("way", "work", "act"),
    [
        (QueuedArgon2, "encode", lambda encoded: make_password(PASSWORD)),
        (QueuedArgon2, "verify", lambda encoded: check_password(PASSWORD, encoded)),
        (QueuedPBKDF2, "encode", lambda encoded: QueuedPBKDF2().verify(PASSWORD, encoded)),
    ],
)
def test_no_connection_is_held_while_a_password_is_hashed_but_in_a_transaction(shipped, monkeypatch, way, work, act):
    held, encoded = [], make_password(PASSWORD, hasher=way.algorithm)
    real = getattr(way.__base__, work)

    def note(self, *args):
        held.append(connection.connection is not None)
        return real(self, *args)

    monkeypatch.setattr(way.__base__, work, note)
    connection.ensure_connection()
    act(encoded)
    with transaction.atomic():
        act(encoded)
    assert held == [False, True]


def test_a_transaction_does_not_queue_with_its_locks(shipped, db, monkeypatch):
    monkeypatch.setattr(hashing, "_turns", Turns(0, 0))
    with transaction.atomic():
        assert make_password(PASSWORD)


@pytest.fixture
def crowded(shipped, monkeypatch):
    """No password finds a turn."""
    monkeypatch.setattr(hashing, "_turns", Turns(0, 0))


def is_asked_to_wait(answer):
    return (
        answer.status_code == 503
        and 3 <= int(answer["Retry-After"]) <= 8
        and answer["Cache-Control"] == "no-store"
        and "Sua senha ainda não foi conferida" in answer.content.decode()
        and PASSWORD not in answer.content.decode()
    )


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("door", DOORS)
def test_who_cannot_be_let_in_now_is_told_when_to_try_again_and_counts_as_no_attempt(
    ana, crowded, time_stands_still, settings, door
):
    settings.RATE_LOGIN = (1, 1)
    assert [is_asked_to_wait(log_in(door)) for _ in range(3)] == [True] * 3


@pytest.mark.parametrize("door", DOORS)
def test_a_name_that_no_column_can_hold_is_throttled_like_any_other(db, time_stands_still, settings, door):
    settings.RATE_LOGIN = (1, 1)
    assert [log_in(door, "\0").status_code for _ in range(2)] == [200, 429]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("address", ["/admin/password_change/", "/admin/notificacao/person/{pk}/password/"])
def test_whoever_sets_a_password_is_asked_to_wait_as_well(admin_user, admin_client, crowded, address):
    form = {"old_password": "password", "usable_password": "true", "password1": "outra-senha-de-teste"}
    form |= {"password2": "outra-senha-de-teste", **NEW}
    assert is_asked_to_wait(admin_client.post(address.format(pk=admin_user.pk), form))


class Held(MD5PasswordHasher):
    """Takes as long as the test wants."""

    go_on = threading.Event()

    def encode(self, *args) -> str:
        with hashing._in_turn():
            assert self.go_on.wait(PATIENCE)
            return super().encode(*args)


@pytest.fixture
def held(settings, monkeypatch):
    """Passwords are hashed while the event is set, as it is; two may wait behind the one that is under way."""
    settings.PASSWORD_HASHERS = [f"{__name__}.Held"]
    Held.go_on.set()
    monkeypatch.setattr(hashing, "_turns", Turns(1, 2))
    yield Held.go_on
    Held.go_on.set()


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
def test_whoever_comes_when_too_many_wait_is_let_in_once_they_are(admin_user, held, crowd, door):
    held.clear()
    waiting = [crowd.submit(elsewhere, door, "admin", "password") for _ in range(3)]
    asyncio.run(eventually(hashing.too_many))
    assert is_asked_to_wait(log_in(door, "admin", "password"))
    held.set()
    assert [one.result().status_code for one in waiting] == [302, 302, 302]
    assert log_in(door, "admin", "password").status_code == 302


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize(("name", "word"), [("ana", PASSWORD), ("ana", "errada"), ("ninguem", PASSWORD)])
def test_nobody_who_waits_holds_a_connection(ana, held, crowd, name, word):
    connection.close()
    held.clear()
    waiting = [crowd.submit(elsewhere, "/entrar/", name, word) for _ in range(3)]
    asyncio.run(eventually(hashing.too_many))
    state = connection.pool.get_stats()
    assert state["pool_available"] == state["pool_size"] > 0
    held.set()
    assert {one.result().status_code for one in waiting} == {302 if (name, word) == ("ana", PASSWORD) else 200}
