"""The same request again does nothing, whenever it comes: afterwards, meanwhile, or after a failure."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from notificacao import idempotency, retention
from notificacao.idempotency import OtherRequest, UnderWay, once
from notificacao.models import AuditEvent, KeptAnswer, Notification, ProducerKey
from tests.producers import System, make_producer, to
from tests.waiting import PATIENCE

ASKED = {"a": 1, "b": [2]}


@pytest.fixture
def system(ana, bia):
    return System(make_producer())


def sent():
    return Notification.objects.count()


# --- Through the API


def test_the_same_key_with_the_same_body_is_answered_alike_and_sends_once(system):
    answers = [system.post(to(people=["ana", "bia"]), **{"Idempotency-Key": "pedido-1"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert [answer.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
    assert sent() == 2
    assert AuditEvent.objects.filter(action="producer_sent").count() == 1


def test_the_order_of_a_bodys_members_makes_no_other_body(system):
    first = to(people=["ana"])
    for asked in (first, dict(reversed(first.items()))):
        assert system.post(asked, **{"Idempotency-Key": "x"}).status_code == 201
    assert sent() == 1


def test_the_same_key_with_another_body_is_a_conflict(system):
    system.post(to(people=["ana"]), **{"Idempotency-Key": "x"})
    response = system.post(to(people=["bia"]), **{"Idempotency-Key": "x"})
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_conflict")
    assert sent() == 1


def test_another_key_and_no_key_send_again(system):
    for headers in ({"Idempotency-Key": "x"}, {"Idempotency-Key": "y"}, {}, {}):
        assert system.post(to(people=["ana"]), **headers).status_code == 201
    assert sent() == 4


def test_what_was_refused_may_be_put_right_under_the_same_key(system):
    assert system.post(to(people=["nobody"]), **{"Idempotency-Key": "x"}).status_code == 400
    assert system.post(to(people=["ana"]), **{"Idempotency-Key": "x"}).status_code == 201


def test_a_key_is_the_producers_own_whichever_of_its_api_keys_it_shows(system):
    other_producer, other_key = System(make_producer("pagamentos")), System(system.producer)
    answers = [
        s.post(to(people=["ana"]), **{"Idempotency-Key": "x"}).json() for s in (system, other_key, other_producer)
    ]
    assert answers[0] == answers[1] != answers[2]
    assert sent() == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "com espaço", "ç"])
def test_a_key_that_is_none_is_refused(system, key):
    response = system.post(to(people=["ana"]), **{"Idempotency-Key": key})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")
    assert sent() == 0


def test_a_request_that_is_still_under_way_is_told_to_try_again(system, monkeypatch):
    def under_way(*args):
        raise UnderWay

    monkeypatch.setattr(idempotency, "once", under_way)
    response = system.post(to(people=["ana"]), **{"Idempotency-Key": "x"})
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_under_way")
    assert response["Retry-After"] == "1"


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_many_requests_at_the_same_moment_one_sends_and_all_get_its_answer(system):
    ProducerKey.objects.update(last_used_at=timezone.now())
    start = threading.Barrier(8)

    def ask(number):
        start.wait()
        try:
            return system.post([to(people=["ana"])] * 50, **{"Idempotency-Key": "x"})
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert len({str(answer.json()) for answer in answers}) == 1
    assert sent() == 50


# --- Beneath it


def test_what_was_written_and_the_answer_that_is_kept_are_one_transaction(db):
    class Undone(Exception):
        pass

    def fail():
        KeptAnswer.objects.create(owner="trace", key="x", fingerprint="")
        raise Undone

    with pytest.raises(Undone):
        once("ana", "x", ASKED, fail)
    assert not KeptAnswer.objects.exists()
    assert once("ana", "x", ASKED, lambda: 7) == (7, False)
    assert once("ana", "x", ASKED, fail) == (7, True)
    with pytest.raises(OtherRequest):
        once("ana", "x", [ASKED], fail)


def test_answers_are_kept_for_a_day_and_forgotten_by_the_retention(db):
    for key, hours in (("young", 23), ("old", 25)):
        once("ana", key, ASKED, lambda: 1)
        KeptAnswer.objects.filter(key=key).update(created_at=timezone.now() - timedelta(hours=hours))
    retention.clear_the_rest()
    assert [kept.key for kept in KeptAnswer.objects.all()] == ["young"]


class TestBesideEachOther:
    """Two sessions of PostgreSQL under one key."""

    pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

    @pytest.fixture
    def other(self):
        """Another session, on a thread of its own: `other(work, *args)` is a future."""
        with ThreadPoolExecutor(1) as thread:
            yield thread.submit
            thread.submit(connections.close_all).result()

    def test_the_second_waits_and_gets_the_answer_of_the_first(self, other):
        with transaction.atomic():
            once("ana", "x", ASKED, lambda: "first")
            waiting = other(once, "ana", "x", ASKED, lambda: "second")
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
        assert waiting.result(PATIENCE) == ("first", True)

    def test_where_the_first_is_rolled_back_the_second_does_it(self, other):
        with transaction.atomic():
            once("ana", "x", ASKED, lambda: "first")
            waiting = other(once, "ana", "x", ASKED, lambda: "second")
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
            transaction.set_rollback(True)
        assert waiting.result(PATIENCE) == ("second", False)

    def test_who_waits_too_long_is_told_so_and_has_done_nothing(self, other, monkeypatch):
        monkeypatch.setattr(idempotency, "_WAIT", "100ms")
        with transaction.atomic():
            once("ana", "x", ASKED, lambda: "first")
            with pytest.raises(UnderWay):
                other(once, "ana", "x", ASKED, lambda: "second").result(5)
        assert once("ana", "x", ASKED, lambda: "third") == ("first", True)
