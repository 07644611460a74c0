"""POST /api/v1/receipts/: what browsers report over HTTP."""

import uuid

import pytest

from notificacao import audiences
from notificacao.models import Receipt
from tests.rows import write
from tests.stamping import stamp_all

URL = "/api/v1/receipts/"


def fill(*people):
    rows = [write(audiences.channel_for_user(person)) for person in people]
    stamp_all()
    return rows


def delivery(public_id=None, **fields):
    return {"id": str(public_id or uuid.uuid4()), "transport": "sse", "held_ms": 0, **fields}


def report(client, body):
    return client.post(URL, body, content_type="application/json")


def test_receipts_are_recorded_once_and_the_answer_says_how_many_were_new(as_ana, ana):
    first, second = fill(ana, ana)
    body = [delivery(first.public_id, transport="ably", held_ms=250), delivery(second.public_id, transport="rest")]
    response = report(as_ana, body)
    assert (response.status_code, response.json()) == (200, {"recorded": 2})
    assert report(as_ana, body).json() == {"recorded": 0}
    assert dict(Receipt.objects.values_list("notification", "transport")) == {first.pk: "ably", second.pk: "rest"}


def test_what_is_not_theirs_is_passed_over_and_looks_like_what_does_not_exist(as_ana, ana, caio):
    mine, foreign = fill(ana, caio)
    answers = [report(as_ana, [delivery(public_id)]).json() for public_id in (foreign.public_id, None)]
    assert answers == [{"recorded": 0}] * 2
    assert report(as_ana, [delivery(foreign.public_id), delivery(mine.public_id)]).json() == {"recorded": 1}
    assert Receipt.objects.get().notification == mine


def test_at_most_200_receipts_come_at_a_time(as_ana, ana):
    (row,) = fill(ana)
    others = [delivery() for _ in range(199)]
    assert report(as_ana, [*others, delivery(row.public_id)]).json() == {"recorded": 1}
    response = report(as_ana, [*others, delivery(), delivery()])
    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_no_receipts_at_all_are_fine(as_ana):
    assert report(as_ana, []).json() == {"recorded": 0}


@pytest.mark.parametrize("transport", Receipt.Transport.values)
def test_each_way_of_delivery_has_a_name(as_ana, ana, transport):
    (row,) = fill(ana)
    report(as_ana, [delivery(row.public_id, transport=transport)])
    assert Receipt.objects.get().transport == transport


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"id": "1"}, "0.id"),
        ({"transport": "pombo"}, "0.transport"),
        ({"held_ms": -1}, "0.held_ms"),
        ({"held_ms": 86_400_001}, "0.held_ms"),
        ({"held_ms": None}, "0.held_ms"),
        ({"latency_ms": 1}, "0.latency_ms"),
    ],
)
def test_a_malformed_receipt_is_400_names_the_field_and_nothing_of_the_call_is_recorded(as_ana, ana, wrong, place):
    (row,) = fill(ana)
    response = report(as_ana, [delivery(row.public_id, **wrong), delivery(row.public_id)])
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert response.json()["detail"].startswith(f"{place}: ")
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("body", [{}, {"id": 1}, "texto", 5])
def test_what_is_no_list_is_400(as_ana, body):
    response = as_ana.post(URL, body, content_type="application/json")
    assert response.status_code == 400
    assert set(response.json()) == {"type", "title", "status", "detail", "code"}
