"""The shape in which a notification leaves, letter by letter."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notificacao.models import Notification
from notificacao.wire import WireNotification, encode, to_iso

NOON = datetime(2026, 3, 4, 12, 0, 0, 120_999, tzinfo=UTC)


def row(**fields):
    return Notification(
        **{
            "public_id": uuid.UUID("01890000-0000-7000-8000-000000000001"),
            "event_id": uuid.UUID("01890000-0000-7000-8000-000000000002"),
            "seq": 12,
            "prev_seq": 7,
            "channel": "system:notifications",
            "kind": "alerta",
            "priority": "alta",
            "title": "Atenção",
            "message": "Há “algo” a fazer.",
            "link": "/solicitacoes/1",
            "data": {"a": "ç", "b": [1, None, {"c": True}]},  # the order in which PostgreSQL keeps them
            "created_at": NOON,
            "expires_at": None,
            **fields,
        }
    )


def test_a_row_becomes_exactly_this_line():
    assert encode(row()) == (
        '{"id":"01890000-0000-7000-8000-000000000001","event_id":"01890000-0000-7000-8000-000000000002",'
        '"seq":12,"prev_seq":7,"channel":"system:notifications","kind":"alerta","priority":"alta",'
        '"title":"Atenção","message":"Há “algo” a fazer.","link":"/solicitacoes/1",'
        '"data":{"a":"ç","b":[1,null,{"c":true}]},"created_at":"2026-03-04T12:00:00.120Z","expires_at":null}'
    )


def test_no_column_of_the_dispatcher_or_of_the_author_leaves():
    keys = set(json.loads(encode(row(error="segredo", lease="x", attempts=3, dispatch_state="failed"))))
    assert keys == set(WireNotification.model_fields)
    assert keys.isdisjoint({"pk", "error", "lease", "attempts", "dispatch_state", "stamped_at", "created_by"})


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 4, 12, 0, tzinfo=UTC), "2026-03-04T12:00:00.000Z"),
        (NOON, "2026-03-04T12:00:00.120Z"),
        (datetime(2026, 3, 4, 22, 30, tzinfo=timezone(timedelta(hours=-3))), "2026-03-05T01:30:00.000Z"),
        (datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "2026-12-31T23:59:59.999Z"),
    ],
)
def test_moments_are_in_utc_with_milliseconds_and_a_z(moment, text):
    assert to_iso(moment) == text
    sent = json.loads(encode(row(created_at=moment, expires_at=moment)))
    assert (sent["created_at"], sent["expires_at"]) == (text, text)


@pytest.mark.parametrize("breaker", ["\n", "\r", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1e", "\x00"])
def test_nothing_in_a_field_ends_the_line_of_an_event_stream(breaker):
    text = f"a{breaker}data: b{breaker}{breaker}id: 9"
    line = encode(row(title=text, message=text, link=text, data={text: text}))
    assert re.split(r"\r\n|\n|\r", line) == [line], "the line ends of an event stream are CR, LF and CRLF"
    sent = json.loads(line)
    assert [sent["title"], sent["message"], sent["link"], sent["data"]] == [text, text, text, {text: text}]


@given(st.text(), st.dictionaries(st.text(), st.text() | st.integers() | st.booleans() | st.none()))
def test_every_text_and_every_data_arrive_as_they_were_sent_in_one_line(text, data):
    line = encode(row(title=text, data=data))
    assert "\n" not in line
    assert "\r" not in line
    sent = json.loads(line)
    assert (sent["title"], sent["data"]) == (text, data)


def test_the_same_row_is_the_same_bytes_again_after_the_database(db):
    sent = row()
    sent.save()
    assert encode(Notification.objects.get(pk=sent.pk)) == encode(row())


def test_what_is_encoded_is_valid_by_the_models_own_rules():
    wire = WireNotification.model_validate_json(encode(row(expires_at=NOON)))
    assert wire == WireNotification.model_validate_json(wire.model_dump_json())
    assert (wire.seq, wire.kind, wire.data["a"]) == (12, "alerta", "ç")
