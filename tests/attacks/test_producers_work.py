"""A producer within all limits that sends what takes the most work: it is little more, and others write meanwhile.

What is compared is the processor's time of this thread for two requests: a ratio, so that no machine is slow.
"""

import sqlite3
import time
from contextlib import closing

import pytest
from django.db import connection
from django.http import HttpResponse

from notificacao import content
from notificacao.models import Notification, Person
from notificacao.producing import sending
from tests.producers import System, make_producer, to

MOST_WORK = {"title": "t" * 100, "message": "m" * 500, "link": "/" + "1" * 499, "data": {"n": "1" * 4_000}}
AS_LONG = {"title": "Novo caso " * 10, "message": "Há um caso novo para a equipe. " * 16, "data": {"n": "caso " * 800}}
pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def system(ana, bia):
    return System(make_producer())


@pytest.fixture
def hostile():
    return {**to(units=["CRAS01"], everybody=True), **MOST_WORK, "expires_at": "2035-01-01T00:00:00Z"}


def time_of(system: System, asked: list[dict], status: int) -> tuple[float, HttpResponse]:
    """Return the processor's seconds of that request, parsing included, and its answer."""
    began = time.thread_time()
    answer = system.post(asked)
    assert answer.status_code == status
    return time.thread_time() - began, answer


@pytest.fixture
def usual_time(system):
    """Of a hundred usual notifications, as long as they may be."""
    usual = {**to(units=["CRAS01"], everybody=True), **AS_LONG}
    time_of(system, [usual], 201)  # what is loaded at the first one
    return time_of(system, [usual] * 100, 201)[0]


def test_the_largest_notifications_take_little_longer_than_usual_ones(system, hostile, usual_time):
    assert time_of(system, [hostile] * 100, 201)[0] < 4 * usual_time
    assert Notification.objects.count() == 2 * (1 + 100 + 100)


def many_fields() -> dict:
    return {f"a{number}": 1 for number in range(300_000)}


@pytest.mark.parametrize(
    "faulty",
    [
        lambda: [many_fields()],
        lambda: [{"event": "x", "matter": many_fields()}],
        lambda: [{"title": "t", "message": "m", "recipients": many_fields()}],
        lambda: [{"title": "t", "message": "m", "recipients": {"people": [1] * 1_000_000}}],
        lambda: [{"title": "t", "message": "m", "recipients": {"people": [1] * 500}, "a": 1}] * 1_000,
        lambda: [{f"a{number}": 1 for number in range(45)}] * 1_000,
    ],
    ids=["fields", "fields of a matter", "fields of recipients", "people", "people of many", "fields of many"],
)
def test_a_request_in_which_all_is_wrong_is_no_more_work_than_a_thousand_usual_ones(system, usual_time, faulty):
    """What is told is a hundred faults at most."""
    took, answer = time_of(system, faulty(), 400)
    assert took < 10 * usual_time
    assert 1 <= len(answer.json()["errors"]) <= 100


@pytest.mark.sqlite
@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "x"}], ids=["plain", "with a key"])
def test_while_a_request_is_checked_others_write(system, hostile, monkeypatch, key):
    """Whatever looks at the text of a notification finds the file free: another process writes to it at once."""
    written = []

    def looked_at(text):
        with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0.01)) as other, other:
            other.execute("UPDATE notificacao_person SET first_name = first_name || 'a' WHERE username = 'ana'")
        written.append(text)
        return ""

    monkeypatch.setattr(content.personal_data, "found_in", looked_at)
    assert system.post([hostile] * 3, **key).status_code == 201
    assert len(written) == 3 * len(MOST_WORK)
    assert Person.objects.get(username="ana").first_name == "a" * len(written)


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "x"}], ids=["plain", "with a key"])
def test_who_is_deleted_between_the_check_and_the_transaction_is_named(system, bia, monkeypatch, key):
    checked = sending._notices

    def then_deleted(*asked):
        notices = checked(*asked)
        bia.delete()
        return notices

    monkeypatch.setattr(sending, "_notices", then_deleted)
    answer = system.post([to(people=["ana"]), to(people=["bia"])], **key)
    assert answer.status_code == 400
    assert [(fault["index"], fault["code"]) for fault in answer.json()["errors"]] == [(1, "unknown_recipient")]
    assert Notification.objects.count() == 0


def test_an_answer_that_was_kept_is_given_again_though_its_people_are_gone(system, bia):
    first = system.post(to(people=["bia"]), **{"Idempotency-Key": "x"})
    bia.delete()
    again = system.post(to(people=["bia"]), **{"Idempotency-Key": "x"})
    assert (again.status_code, again.json()) == (201, first.json())
