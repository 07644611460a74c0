"""Heads and bodies that are larger, or slower, than any request is, before any login: refused by name, soon."""

import asyncio
import contextlib
import json
from ipaddress import ip_network

import pytest

from notificacao.server.request_limits import BoundedProtocol
from tests.asgi import DEADLINE
from tests.sockets import listening

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

HEAD = b"POST /entrar/ HTTP/1.1\r\nhost: a\r\n"
FIRST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
KEY = b"authorization: Api-Key abcdefgh.x\r\n"


class Door:
    """An application that says how much it was given; what it holds at most is in `taken`."""

    def __init__(self) -> None:
        self.taken = 0
        self.port = 0

    async def __call__(self, scope, receive, send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            self.taken = max(self.taken, size)
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def tell(self, *pieces: bytes, again: int = 1, before: bytes = b"") -> bytes:
        """All that is answered to `pieces`, the last of them `again` and again, until the other side closes.

        `before` is a request of its own, which is answered before them.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        if before:
            writer.write(before)
            await reader.readuntil(b"\r\n\r\nok")
        *first, last = pieces

        async def speak() -> None:
            with contextlib.suppress(ConnectionError):
                for piece in (*first, *[last] * again):
                    writer.write(piece)
                    await writer.drain()

        speaking = asyncio.create_task(speak())
        try:
            async with asyncio.timeout(DEADLINE):
                return await _all_of(reader)
        finally:
            speaking.cancel()
            writer.transport.abort()


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    came = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            came += piece
    return came


@pytest.fixture
async def door(settings):
    settings.REQUEST_HEAD_WITHIN = settings.REQUEST_BODY_WITHIN = DEADLINE
    door = Door()
    async with listening(door) as (door.port, _):
        yield door


def refused(answer: bytes) -> tuple[int, str]:
    """`(status, code)` of the one answer, which is problem details."""
    assert answer.count(b"HTTP/1.1 ") == 1
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    problem = json.loads(body)
    assert problem["status"] == int(head.split()[1])
    return problem["status"], problem["code"]


@pytest.mark.parametrize(
    "piece", [b"x" * 65_536, b"a: b\r\n" * 1_000, b"x: " + b"y" * 1_000 + b"\r\n"], ids=["one", "many", "long"]
)
@pytest.mark.parametrize("before", [b"", FIRST], ids=["first", "second"])
@pytest.mark.parametrize("start", [HEAD, HEAD + b"x: "], ids=["names", "value"])
async def test_a_head_without_end_is_refused(door, before, start, piece):
    assert refused(await door.tell(start, piece, again=320, before=before)) == (431, "head_too_large")


async def test_an_address_without_end_is_refused(door):
    assert refused(await door.tell(b"GET /", b"x" * 65_536, again=320)) == (431, "head_too_large")


@pytest.mark.parametrize("size", [1, 7, 1_000, 65_536])
async def test_a_head_of_twenty_megabytes_is_not_read(door, size):
    """In whatever pieces it comes."""
    answer = await door.tell(HEAD + b"x: ", b"y" * size, again=20_000_000 // max(size, 500))
    assert refused(answer) == (431, "head_too_large")


@pytest.mark.parametrize("before", [b"", FIRST], ids=["first", "second"])
@pytest.mark.parametrize("said", [b"GET", HEAD, b"\r\n"])
async def test_a_head_that_does_not_come_to_its_end_is_cut_off(door, settings, before, said):
    settings.REQUEST_HEAD_WITHIN = 0.1
    assert refused(await door.tell(said, before=before)) == (408, "request_timeout")


async def test_a_head_that_begins_together_with_the_request_before_is_cut_off_too(door, settings):
    settings.REQUEST_HEAD_WITHIN = 0.1
    assert (await door.tell(FIRST + HEAD)).endswith(b"\r\n\r\nok")


@pytest.mark.parametrize(
    "path", [b"/health/live", b"/health/ready", b"/metrics", b"/static/a.js", b"/api/v1/stream/?cursor=a.1"]
)
@pytest.mark.parametrize("body", [b"content-length: 1\r\n\r\nx", CHUNKED + b"1\r\nx\r\n0\r\n\r\n"], ids=["told", "not"])
async def test_what_takes_no_body_takes_none(door, path, body):
    assert refused(await door.tell(b"POST " + path + b" HTTP/1.1\r\nhost: a\r\n" + body)) == (413, "too_large")
    assert door.taken == 0


@pytest.mark.parametrize("path", [b"/entrar/", b"/nada", b"/admin/login/", b"/api/v1/notifications/"])
async def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(door, path):
    head = b"POST " + path + b" HTTP/1.1\r\nhost: a\r\ncontent-length: 157286400\r\n\r\n"
    assert refused(await door.tell(head, b"x" * 65_536, again=2_400)) == (413, "too_large")
    assert door.taken == 0


async def test_a_body_that_is_not_announced_is_refused_where_it_becomes_too_large(door, settings):
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    assert refused(await door.tell(HEAD + CHUNKED, chunk, again=2_400)) == (413, "too_large")
    assert door.taken <= settings.REQUEST_BODY_MAX


@pytest.mark.parametrize(
    "endless",
    [b"1;" + b"x" * 65_536, b"0\r\nx: " + b"y" * 65_536, b"5\r\nabcde\r\n0\r\n" + b"a: b\r\n" * 20_000],
    ids=["a chunk's extension", "a trailer", "trailers"],
)
async def test_what_frames_a_body_has_an_end_too(door, endless):
    answer = await door.tell(HEAD + CHUNKED, endless, again=50)
    assert refused(answer) == (431, "head_too_large")


@pytest.mark.parametrize(
    "body", [b"content-length: 10\r\n\r\nabc", CHUNKED, CHUNKED + b"3\r\nabc\r\n"], ids=["told", "nothing", "chunks"]
)
async def test_a_body_that_does_not_come_to_its_end_is_cut_off(door, settings, body):
    settings.REQUEST_BODY_WITHIN = 0.1
    assert refused(await door.tell(HEAD + body)) == (408, "request_timeout")


async def test_a_request_that_comes_whole_sets_no_timer_but_for_the_first_byte_and_the_next_head(door, monkeypatch):
    """A thousand pages come back at once, and each timer costs some 3 µs."""
    set_within, expect = [], BoundedProtocol._expect_within
    monkeypatch.setattr(
        BoundedProtocol, "_expect_within", lambda self, seconds: set_within.append(seconds) or expect(self, seconds)
    )
    assert (await door.tell(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).endswith(b"ok")
    assert len(set_within) == 2


async def test_after_a_slow_answer_the_next_request_has_as_long_as_after_a_quick_one(door, monkeypatch):
    """The limit of its head would run out soon after that answer, and close under a request on its way."""
    limits, complete = [], BoundedProtocol.on_response_complete
    monkeypatch.setattr(
        BoundedProtocol, "on_response_complete", lambda self: complete(self) or limits.append(self._due)
    )
    assert (await door.tell(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", before=FIRST)).endswith(b"ok")
    assert limits == [None, None]


async def test_a_system_with_a_key_may_send_a_thousand_notifications(door, settings):
    body = b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    head = b"POST /api/v1/notifications/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
    told = b"content-length: %d\r\n\r\n"
    assert (await door.tell(head + KEY + told % len(body) + body)).startswith(b"HTTP/1.1 200 ")
    assert door.taken == len(body)
    assert refused(await door.tell(head + KEY + told % (len(body) + 1), b"x")) == (413, "too_large")


async def test_requests_within_the_limits_follow_each_other_on_one_connection(door, settings):
    one = HEAD + b"content-length: 70000\r\n" + b"x: " + b"y" * 20_000 + b"\r\n\r\n" + b"z" * 70_000
    last = HEAD + b"connection: close\r\n\r\n"
    answer = await door.tell(one * 5 + last)
    assert answer.count(b"HTTP/1.1 200 ") == 6


@pytest.mark.parametrize("body", [b"content-length: 99\r\n\r\n", CHUNKED + b"5\r\nhello\r\n9\r\nand so on\r\n"])
async def test_what_is_refused_behind_a_request_is_no_answer_to_that(door, settings, body):
    settings.REQUEST_BODY_MAX = 10
    assert b"413" not in await door.tell(FIRST + HEAD + body)


@pytest.mark.parametrize(
    ("proxies", "kept"), [(["127.0.0.0/8"], (60, 75)), (["127.0.0.1"], (60, 75)), (["10.0.0.0/8", "::1"], (0, 5))]
)
async def test_an_idle_connection_is_kept_for_a_proxy_alone_which_closes_it_first(settings, proxies, kept):
    settings.PROXY_NETWORKS = [*map(ip_network, proxies)]
    async with listening(Door()) as (port, connections):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(FIRST)
        await reader.readuntil(b"\r\n\r\nok")
        (connection,) = connections
        least, most = kept
        assert least < connection.timeout_keep_alive_task.when() - asyncio.get_running_loop().time() <= most
        writer.transport.abort()
