"""What a request for a stream asks, and how it is refused."""

import json
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notificacao.eventlog import Cursor
from notificacao.stream.request import (
    FORBIDDEN_LANE,
    NOT_LOGGED_IN,
    NOT_READY,
    Rejection,
    StreamRejected,
    StreamRequest,
    _query,
)
from notificacao.stream.subscribers import Lane

BROWSER = "AbCdEfGhIjKlMnOpQrS_-9"


def scope(query="", method="GET", **headers):
    """As an ASGI server hands it over; `last_event_id` stands for `last-event-id`."""
    return {
        "type": "http",
        "server": ("localhost", 8_000),
        "method": method,
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()],
    }


def rejected(query="", **rest) -> Rejection:
    with pytest.raises(StreamRejected) as caught:
        StreamRequest.of(scope(query, **rest))
    return caught.value.rejection


def test_a_bare_request_is_for_the_live_lane_from_now_on_by_nobody():
    assert StreamRequest.of(scope()) == StreamRequest(session_key="", lane=Lane.LIVE, cursor=None, browser="")


def test_the_address_is_that_of_the_connection():
    assert StreamRequest.of(scope() | {"client": ("10.0.0.1", 4_000)}).address == "10.0.0.1"
    assert StreamRequest.of(scope() | {"client": None}).address == ""


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("semtas.example", True),
        ("um.semtas.example:8443", True),
        ("SEMTAS.example", True),
        ("o.example", False),
        ("", False),
    ],
)
def test_the_host_is_checked_as_every_other_view_checks_it(settings, host, ours):
    settings.ALLOWED_HOSTS = [".semtas.example"]
    if ours:
        assert StreamRequest.of(scope(host=host)).lane is Lane.LIVE
    else:
        assert (rejected(host=host).status, rejected(host=host).code) == (400, "invalid_host")
    twice = scope() | {"headers": [(b"host", b"semtas.example")] * 2}
    with pytest.raises(StreamRejected):
        StreamRequest.of(twice)
    assert rejected().code == "invalid_host"  # without the header the server's own address counts


def test_all_that_can_be_asked_is_read():
    request = StreamRequest.of(
        scope(f"lane=standby&cursor=0a1b.12&browser={BROWSER}", cookie="a=b; sessionid=chave; c=d")
    )
    assert request == StreamRequest(session_key="chave", lane=Lane.STANDBY, cursor=Cursor("0a1b", 12), browser=BROWSER)


@pytest.mark.parametrize(
    ("query", "able"), [("", True), ("ed25519=", True), ("ed25519=true", True), ("ed25519=false", False)]
)
def test_a_page_can_verify_signatures_unless_it_says_that_it_cannot(query, able):
    assert StreamRequest.of(scope(query)).can_verify is able


def test_the_cookie_has_the_name_that_the_site_gave_it(settings):
    settings.SESSION_COOKIE_NAME = "semtas"
    assert StreamRequest.of(scope(cookie="sessionid=outra; semtas=esta")).session_key == "esta"


@pytest.mark.parametrize("cookie", ["", "sessionid", "sessionid=", ";;=;", "sessionid\x00=x", "ação=\xff"])
def test_a_cookie_that_says_nothing_is_nobodys(cookie):
    assert StreamRequest.of(scope(cookie=cookie)).session_key == ""


@given(st.text(st.characters(max_codepoint=255)))
def test_no_cookie_header_at_all_is_an_error(cookie):
    assert isinstance(StreamRequest.of(scope(cookie=cookie)).session_key, str)


def test_last_event_id_beats_the_cursor_in_the_address():
    """EventSource asks again with the address of the first time and the last id it saw."""
    assert StreamRequest.of(scope("cursor=0a1b.12", last_event_id="0a1b.99")).cursor == Cursor("0a1b", 99)


def test_an_empty_last_event_id_leaves_the_cursor_in_the_address():
    assert StreamRequest.of(scope("cursor=0a1b.12", last_event_id="")).cursor == Cursor("0a1b", 12)


@given(st.text(st.sampled_from("ab=&+%;é0"), max_size=20) | st.text(st.characters(max_codepoint=255)))
def test_an_address_is_read_as_the_standard_library_reads_it(text):
    assert _query(text) == dict(parse_qsl(text))


@pytest.mark.parametrize("query", ["lane=", "cursor=", "browser=", "outra=coisa", "lane=live&lane=live"])
def test_what_is_empty_or_unknown_is_as_if_not_asked(query):
    assert StreamRequest.of(scope(query)) == StreamRequest.of(scope())


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("lane=standby2", "invalid_lane"),
        ("lane=LIVE", "invalid_lane"),
        ("cursor=12", "invalid_cursor"),
        ("cursor=0a1b.012", "invalid_cursor"),
        ("cursor=0A1B.12", "invalid_cursor"),
        ("cursor=0a1b.-1", "invalid_cursor"),
        ("cursor=0a1b.1%0a", "invalid_cursor"),
        ("cursor=" + "9" * 5000, "invalid_cursor"),
        ("browser=curto", "invalid_browser"),
        (f"browser={BROWSER}x", "invalid_browser"),
        (f"browser={BROWSER[:-1]}%0a", "invalid_browser"),
        (f"browser={BROWSER[:-1]}%C3%A9", "invalid_browser"),
    ],
)
def test_a_value_that_cannot_be_is_a_bad_request(query, code):
    rejection = rejected(query)
    assert rejection.status == 400
    assert json.loads(rejection.body())["code"] == code


def test_a_last_event_id_that_cannot_be_is_a_bad_request_too():
    assert json.loads(rejected("cursor=0a1b.12", last_event_id="lixo").body())["code"] == "invalid_cursor"


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_a_stream_is_only_read(method):
    rejection = rejected(method=method)
    assert rejection.status == 405
    assert json.loads(rejection.body())["code"] == "method_not_allowed"
    assert (b"allow", b"GET") in rejection.headers()


@pytest.mark.parametrize(
    ("rejection", "status", "code"),
    [
        (NOT_LOGGED_IN, 401, "not_authenticated"),
        (FORBIDDEN_LANE, 403, "forbidden"),
        (NOT_READY, 503, "not_ready"),
    ],
)
def test_a_refusal_is_a_problem_of_rfc_9457_that_no_cache_keeps(rejection, status, code):
    problem = json.loads(rejection.body())
    assert set(problem) == {"type", "title", "status", "detail", "code"}
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, "about:blank")
    assert problem["title"]
    assert problem["detail"]
    headers = dict(rejection.headers())
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"cache-control"] == b"no-store"


def test_only_what_passes_by_itself_says_when_to_come_back():
    assert dict(NOT_READY.headers())[b"retry-after"] == b"1"
    assert b"retry-after" not in dict(NOT_LOGGED_IN.headers())
    assert b"retry-after" not in dict(FORBIDDEN_LANE.headers())


def test_a_sentence_in_portuguese_keeps_its_accents():
    assert "não está pronto" in NOT_READY.body().decode()
