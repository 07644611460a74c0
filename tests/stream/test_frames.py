"""The bytes of each server-sent event."""

import json
import re

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from notificacao import wire
from notificacao.eventlog import Cursor
from notificacao.models import Notification
from notificacao.stream import frames

AT = Cursor("0a1b2c3d", 4711)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NASTY = st.one_of(
    TEXT, st.sampled_from(["\n\n", "\r", "\r\n", "data: x\n\n", "\u2028", "\u2029", "\x85", "\x00", "\x0b"])
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), NASTY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NASTY, inner, max_size=4),
    max_leaves=10,
)


def fields_of(frame: bytes) -> list[tuple[str, str]]:
    """As a browser takes one event apart: at every kind of line end that the standard names."""
    assert frame.endswith(b"\n\n")
    lines = re.split("\r\n|\r|\n", frame.decode())
    assert lines[-2:] == ["", ""], "an event ends with one empty line"
    assert "" not in lines[:-2], "no event ends before its end"
    return [tuple(line.split(": ", 1)) for line in lines[:-2]]


def test_a_row_in_the_live_lane_carries_its_place_as_id():
    assert frames.notification('{"seq":4711}', AT) == (
        b'event: notification\nid: 0a1b2c3d.4711\ndata: {"seq":4711}\n\n'
    )


def test_a_row_in_standby_carries_no_id():
    assert frames.notification('{"seq":4711}', None) == b'event: notification\ndata: {"seq":4711}\n\n'


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (frames.RETRY, b"retry: 3000\n\n"),
        (frames.COMMENT, b":\n\n"),
        (frames.counts(3), b'event: counts\ndata: {"unread":3}\n\n'),
        (frames.session(), b"event: session\ndata: {}\n\n"),
        (frames.leave_ably(), b'event: session\ndata: {"transport":"sse"}\n\n'),
        (frames.bye("drain", 250), b'event: bye\ndata: {"reason":"drain","after_ms":250}\n\n'),
        (frames.resync(AT), b'id: 0a1b2c3d.4711\nevent: resync\ndata: {"position":"0a1b2c3d.4711"}\n\n'),
        (frames.heartbeat(AT), b"id: 0a1b2c3d.4711\n: 0a1b2c3d.4711\n\n"),
        (
            frames.heads(AT, {"system:notifications": 9}),
            b'event: heads\ndata: {"position":"0a1b2c3d.4711","channels":{"system:notifications":9}}\n\n',
        ),
    ],
    ids=["retry", "comment", "counts", "session", "leave_ably", "bye", "resync", "heartbeat", "heads"],
)
def test_every_other_frame_is_exactly_these_bytes(frame, expected):
    assert frame == expected


def test_text_beyond_ascii_travels_as_utf_8():
    content = {"title": "Ação é já", "message": "✓", "created_at": timezone.now()}
    row = Notification(channel="system:notifications", seq=1, prev_seq=0, **content)
    assert "Ação é já".encode() in frames.notification(wire.encode(row), AT)


@pytest.mark.slow
@given(title=NASTY, message=NASTY, link=NASTY, data=st.dictionaries(NASTY, JSON, max_size=4))
def test_nothing_that_a_row_holds_can_break_a_line(title, message, link, data):
    content = {"title": title, "message": message, "link": link, "data": data, "created_at": timezone.now()}
    row = Notification(channel="system:notifications", seq=4711, prev_seq=0, **content)
    fields = fields_of(frames.notification(wire.encode(row), AT))
    assert [name for name, _ in fields] == ["event", "id", "data"]
    arrived = json.loads(fields[2][1])
    assert (arrived["title"], arrived["message"], arrived["link"]) == (title, message, link)
    assert arrived["data"] == data


@given(st.dictionaries(NASTY, st.integers(min_value=0), max_size=5))
def test_no_name_of_a_channel_can_break_a_line(channels):
    fields = fields_of(frames.heads(AT, channels))
    assert [name for name, _ in fields] == ["event", "data"]
    assert json.loads(fields[1][1]) == {"position": str(AT), "channels": channels}


@given(reason=NASTY, after_ms=st.integers(min_value=0))
def test_no_reason_to_leave_can_break_a_line(reason, after_ms):
    fields = fields_of(frames.bye(reason, after_ms))
    assert json.loads(fields[1][1]) == {"reason": reason, "after_ms": after_ms}
