"""Whatever comes in: parsers answer or refuse by name, and no field of a stream opens an event of its own."""

import json
import re
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from notificacao import audiences, wire
from notificacao.content import InvalidNotification, Notice
from notificacao.eventlog import Cursor, InvalidCursor
from notificacao.models import Notification
from notificacao.stream import frames
from notificacao.stream.request import StreamRejected, StreamRequest
from tests.asgi import Event

BREAKS = ["\n", "\r\n", "\n\nevent: bye\ndata: {}\n\n", "\u2028", "\x00", "\x85", "id: 1"]
ANY = st.text(max_size=60) | st.sampled_from(BREAKS)
LEAF = st.none() | st.booleans() | st.integers() | ANY
JSON = st.recursive(LEAF, lambda inner: st.dictionaries(ANY, inner, max_size=3))
ABILITY = settings(max_examples=300, deadline=None)


@ABILITY
@given(ANY | st.from_regex(r"[0-9a-f]{1,17}\.[0-9]{1,21}\n?", fullmatch=True))
def test_a_cursor_is_read_as_it_is_written_or_refused(text):
    try:
        assert str(Cursor.parse(text)) == text
    except InvalidCursor as error:
        assert "\n" not in str(error)


@ABILITY
@given(title=ANY, message=ANY, link=ANY, data=st.dictionaries(ANY, JSON, max_size=3))
def test_no_field_of_a_notification_opens_an_event_of_its_own(title, message, link, data):
    content = {"title": title, "message": message, "link": link, "data": data}
    row = Notification(channel="system:notifications", seq=7, prev_seq=0, created_at=timezone.now(), **content)
    sent = frames.notification(wire.encode(row), Cursor("e", 7)).decode()
    blocks = sent.split("\n\n")
    assert (len(blocks), blocks[1]) == (2, "")
    assert [line.split(":")[0] for line in re.split("[\r\n]+", sent) if line] == ["event", "id", "data"]
    event = Event.parse(blocks[0])
    assert (event.name, event.id, event.data["title"], event.data["message"]) == ("notification", "e.7", title, message)
    assert event.data["data"] == json.loads(json.dumps(data))


@ABILITY
@given(query=st.dictionaries(st.sampled_from(["lane", "cursor", "browser", "x"]), ANY), cookie=st.binary(max_size=60))
def test_a_request_for_a_stream_is_read_or_refused(query, cookie):
    asked = urlencode(query, errors="surrogatepass").encode()
    headers = [(b"cookie", cookie), (b"last-event-id", cookie[:20])]
    try:
        request = StreamRequest.of(
            {"method": "GET", "server": ("localhost", 80), "query_string": asked, "headers": headers}
        )
    except StreamRejected as rejected:
        assert rejected.rejection.status == 400
        assert all(b"\n" not in value for _, value in rejected.rejection.headers())
    else:
        assert request.browser == query.get("browser", "")


@ABILITY
@given(
    st.fixed_dictionaries(
        {"title": ANY | JSON, "message": ANY | JSON}, optional={"link": ANY, "kind": ANY, "data": JSON}
    )
)
def test_what_is_sent_is_refused_by_field_or_is_clean(fields):
    try:
        notice = Notice.of(channels=("private:user:a:notifications",), **fields)
    except InvalidNotification as error:
        assert error.errors
    else:
        assert notice.link == "" or notice.link.startswith(("/", "https://"))
        assert not set(notice.title) & {"\n", "\r", "\x00"}


@pytest.mark.django_db
@settings(max_examples=50, deadline=None)
@given(ANY)
def test_a_channel_that_nobody_made_is_nobodys(name):
    assert audiences.unknown({name}) == {name}
