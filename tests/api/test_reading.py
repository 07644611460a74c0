"""POST /api/v1/notifications/…: the reading state over HTTP."""

import json
import uuid

import pytest

from notificacao import audiences, eventlog
from notificacao.models import ReadMark, Receipt
from notificacao.models.notification import uuid7
from notificacao.reading import Filter, Reader
from tests.stamping import fill

URL = "/api/v1/notifications/"
ACTS = ["read", "unread", "archive", "unarchive", "acknowledge"]


def read_all(client, body):
    return client.post(f"{URL}read-all/", body, content_type="application/json")


def at(seq):
    return f"{eventlog.position().epoch}.{seq}"


@pytest.mark.parametrize(
    ("act", "unread", "standing"),
    [
        ("read", 1, (True, False, False)),
        ("unread", 2, (False, False, False)),
        ("archive", 1, (False, True, False)),
        ("unarchive", 2, (False, False, False)),
        ("acknowledge", 1, (True, False, True)),
    ],
)
def test_each_act_answers_the_new_count_and_shows_in_the_list(as_ana, of_ana, act, unread, standing):
    row, _ = fill(of_ana, of_ana)
    response = as_ana.post(f"{URL}{row.public_id}/{act}/")
    assert (response.status_code, response.json()) == (200, {"unread": unread})
    shown = as_ana.get(URL, {"after": at(0)}).json()["results"][0]
    assert (shown["read"], shown["archived"], shown["acknowledged"]) == standing


@pytest.mark.parametrize("act", ACTS)
def test_a_foreign_notification_answers_as_an_unknown_one_does(as_ana, caio, act):
    (foreign,) = fill(audiences.channel_for_user(caio))
    answers = [as_ana.post(f"{URL}{public_id}/{act}/") for public_id in (foreign.public_id, uuid.uuid4())]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].content == answers[1].content
    assert answers[0].json()["code"] == "not_found"
    assert not Receipt.objects.exists()


def test_an_address_without_a_notifications_id_is_404(as_ana):
    assert as_ana.post(f"{URL}1/read/").status_code == 404


@pytest.mark.parametrize("act", [*(f"{uuid.UUID(int=0)}/{act}" for act in ACTS), "read-all/undo"])
def test_nothing_is_changed_by_get(as_ana, act):
    response = as_ana.get(f"{URL}{act}/")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_read_all_marks_up_to_the_place_that_the_page_showed(as_ana, ana, of_ana):
    rows = fill(of_ana, of_ana, of_ana)
    response = read_all(as_ana, {"up_to": at(rows[1].seq)})
    answer = response.json()
    assert (response.status_code, answer["unread"], answer["marked"]) == (200, 1, 2)
    assert list(Reader(ana).inbox(Filter(unread=True))) == [rows[2]]
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("body", ["{}", '{"up_to": null}', ""])
def test_read_all_without_a_place_marks_all(as_ana, of_ana, body):
    fill(of_ana, of_ana)
    response = as_ana.generic("POST", f"{URL}read-all/", body, content_type="application/json")
    answer = response.json()
    assert (response.status_code, answer["unread"], answer["marked"]) == (200, 0, 2)


def test_read_all_reads_an_event_on_two_channels_at_once(as_ana, of_ana, cras_norte):
    first, _ = fill(of_ana, audiences.channel_for_unit(cras_norte), event_id=uuid7())
    assert read_all(as_ana, {"up_to": at(first.seq)}).json()["unread"] == 0
    assert as_ana.get(URL, {"unread": "true"}).json()["results"] == []


def test_read_all_keeps_to_the_lists_filter_tells_before_how_many_and_is_undone(as_ana, of_ana):
    fill(of_ana, of_ana, of_ana, priority="alta")
    fill(of_ana)
    address = f"{URL}read-all/?priority=alta"
    assert as_ana.get(address, {"up_to": at(2)}).json() == {"count": 2}
    assert as_ana.get(address).json() == {"count": 3}
    assert as_ana.get(f"{URL}read-all/").json() == {"count": 4}
    answer = as_ana.post(address, {}, content_type="application/json").json()
    assert (answer["unread"], answer["marked"]) == (1, 3)
    undo = as_ana.post(f"{URL}read-all/undo/", {"undo": answer["undo"]}, content_type="application/json")
    assert (undo.status_code, undo.json()) == (200, {"unread": 4})


@pytest.mark.parametrize("undo", ["", "ontem", "2026-11-29T10:00:00", None])
def test_an_undo_that_nobody_was_given_is_refused(as_ana, of_ana, undo):
    answer = as_ana.post(f"{URL}read-all/undo/", {"undo": undo}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_filter_that_is_none_marks_nothing(as_ana, of_ana):
    fill(of_ana)
    for method in (as_ana.get, as_ana.post):
        assert method(f"{URL}read-all/?priority=nenhuma").status_code == 400
    assert not ReadMark.objects.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"up_to": "x"}, "invalid_cursor"),
        ({"up_to": ""}, "invalid_cursor"),
        ({"up_to": 5}, "invalid"),
        ({"upto": "a.1"}, "invalid"),
        ([1], "invalid"),
        ([], "invalid"),
        (False, "invalid"),
        ("a.1", "invalid"),
    ],
)
def test_read_all_marks_nothing_where_it_does_not_understand(as_ana, of_ana, body, code):
    fill(of_ana)
    response = as_ana.generic("POST", f"{URL}read-all/", json.dumps(body), content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert not ReadMark.objects.exists()


def test_read_all_up_to_a_place_in_another_life_of_the_log_is_410_with_the_position(as_ana, of_ana):
    fill(of_ana)
    response = read_all(as_ana, {"up_to": "0.1"})
    assert (response.status_code, response.json()["position"]) == (410, str(eventlog.position()))
    assert not ReadMark.objects.exists()
