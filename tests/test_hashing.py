"""Passwords are hashed a few at a time, without a connection; whoever finds no turn is told when to come back."""

import threading

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.db import connection, transaction

from notificacao import hashing
from notificacao.hashing import TooManyLogins, Turns
from tests.waiting import PATIENCE

HASHER = ["notificacao.hashing.QueuedHasher"]


@pytest.fixture
def queued(settings):
    settings.PASSWORD_HASHERS = HASHER


def test_what_djangos_own_hasher_made_is_still_checked(queued, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    made = make_password("segredo")
    settings.PASSWORD_HASHERS = HASHER
    assert isinstance(identify_hasher(made), hashing.QueuedHasher)
    assert check_password("segredo", made)
    assert not check_password("outro", made)


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
def test_no_connection_is_held_while_a_password_is_hashed_but_in_a_transaction(queued, monkeypatch):
    held = []
    encode = hashing.PBKDF2PasswordHasher.encode

    def note(self, *args):
        held.append(connection.connection is not None)
        return encode(self, *args)

    monkeypatch.setattr(hashing.PBKDF2PasswordHasher, "encode", note)
    connection.ensure_connection()
    make_password("segredo")
    with transaction.atomic():
        make_password("segredo")
    assert held == [False, True]


@pytest.mark.parametrize("address", ["/entrar/", "/admin/login/"])
def test_who_cannot_be_let_in_now_is_told_when_to_try_again_and_counts_as_no_failure(
    client, ana, queued, monkeypatch, address
):
    monkeypatch.setattr(hashing, "_turns", Turns(0, 0))
    answer = client.post(address, {"username": "ana", "password": "segredo-de-teste"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "Sua senha ainda não foi conferida" in answer.content.decode()
    assert "segredo-de-teste" not in answer.content.decode()
