"""A connection that uvicorn gives away: what clients may do to it, and what of uvicorn's own it leans on."""

import asyncio
import contextlib
import inspect
import re
from collections import deque

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from notificacao import audiences, eventlog
from notificacao.server import takeover
from notificacao.server.takeover import TakeoverProtocol
from notificacao.stream.replay_cache import ReplayCache
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture
def served():
    return "taken"


@pytest.fixture
async def speak(site):
    """Writes what is given, byte by byte as given, to a new connection; `(reader, writer)`."""
    writers = []

    async def connect(text: bytes):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writers.append(writer)
        writer.write(text)
        return reader, writer

    yield connect
    for writer in writers:
        writer.transport.abort()


async def request(site, person, line="GET /api/v1/stream/ HTTP/1.1", *more: str) -> bytes:
    return "\r\n".join([line, "host: testserver", f"cookie: {await site.cookie(person)}", *more, "", ""]).encode()


async def read_until(reader, pattern: bytes) -> bytes:
    """All that comes, up to the first match."""
    received = b""
    async with asyncio.timeout(PATIENCE):
        while not re.search(pattern, received):
            piece = await reader.read(65_536)
            assert piece, f"it ended after {received!r}"
            received += piece
    return received


def requests_in_work() -> list[asyncio.Task]:
    return [task for task in asyncio.all_tasks() if "run_asgi" in repr(task.get_coro())]


async def test_the_answer_ends_with_its_connection_and_is_not_chunked(site, ana, speak):
    reader, _ = await speak(await request(site, ana))
    head, _, body = (await read_until(reader, rb"event: counts")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-type: text/event-stream; charset=utf-8" in head
    assert b"\r\nconnection: close" in head
    assert b"transfer-encoding" not in head
    assert body.startswith(b"retry: 3000\n\n")


@pytest.mark.parametrize(
    "more", [("HTTP/1.0",), ("HTTP/1.0", "connection: keep-alive"), ("HTTP/1.1", "expect: 100-continue")]
)
async def test_old_and_hopeful_clients_get_the_same_stream(site, ana, speak, more):
    version, *headers = more
    reader, _ = await speak(await request(site, ana, f"GET /api/v1/stream/ {version}", *headers))
    assert (await read_until(reader, rb"event: counts")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_second_request_behind_the_first_is_not_answered_and_ends_nothing(site, ana, speak):
    twice = await request(site, ana) + await request(site, ana, "GET /api/v1/stream/?lane=nada HTTP/1.1")
    reader, writer = await speak(twice)
    await read_until(reader, rb"event: counts")
    writer.write(b"\x00\xff lixo \r\n\r\n" * 1_000)
    await site.publish("Ainda aqui", to=audiences.SYSTEM_CHANNEL)
    received = await read_until(reader, rb"Ainda aqui")
    assert b"HTTP/1.1" not in received


async def test_who_hangs_up_behind_a_second_request_is_noticed(site, ana, speak):
    reader, writer = await speak(await request(site, ana) * 2)
    await read_until(reader, rb"event: counts")
    writer.close()
    await eventually(lambda: not site.hub.registry.subscribers)


async def test_a_head_request_is_refused_and_the_connection_serves_on(site, ana, speak):
    reader, writer = await speak(await request(site, ana, "HEAD /api/v1/stream/ HTTP/1.1"))
    assert (await read_until(reader, rb"\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
    writer.write(await request(site, ana))
    assert (await read_until(reader, rb"event: counts")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_who_hangs_up_before_the_answer_leaves_nothing(site, ana, speak, monkeypatch):
    held, go_on, reached = asyncio.Event(), asyncio.Event(), site.hub.reached

    async def held_up(position):
        held.set()
        await go_on.wait()
        return await reached(position)

    monkeypatch.setattr(site.hub, "reached", held_up)
    _, writer = await speak(await request(site, ana))
    await held.wait()
    writer.transport.abort()
    await eventually(lambda: not site.connections)
    go_on.set()
    await eventually(lambda: site.application._limits._taken == 0)
    assert site.hub.registry.subscribers == {}


async def test_a_connection_that_closes_at_the_very_moment_of_its_handover_leaves_nothing(
    site, ana, speak, monkeypatch
):
    reached = site.hub.reached

    async def reached_and_gone(position):
        ready = await reached(position)
        (connection,) = site.connections
        connection.transport.abort()
        return ready

    monkeypatch.setattr(site.hub, "reached", reached_and_gone)
    reader, _ = await speak(await request(site, ana))
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    await eventually(lambda: not requests_in_work())
    assert (site.application._limits._taken, site.hub.registry.subscribers) == (0, {})


@pytest.fixture
def replay(site, monkeypatch):
    """`replay(act)`: from now on `act` is called before a page of what was missed is read."""
    read_after = eventlog.read_after
    monkeypatch.setattr(ReplayCache, "read_after", lambda *_: None)

    def before_each_page(act):
        monkeypatch.setattr(eventlog, "read_after", lambda *asked: (act(), read_after(*asked))[1])

    return before_each_page


async def test_who_is_sent_away_during_the_replay_gets_no_more_of_it_and_that_is_no_error(
    site, ana, speak, replay, caplog
):
    loop, cursor = asyncio.get_running_loop(), f"{site.hub.position.epoch}.0"
    await site.publish("Nunca", to=audiences.SYSTEM_CHANNEL)
    replay(lambda: asyncio.run_coroutine_threadsafe(send_away(site), loop).result(10))
    reader, _ = await speak(await request(site, ana, f"GET /api/v1/stream/?cursor={cursor} HTTP/1.1"))
    received = await reader.read()
    assert b"event: bye" in received
    assert b"Nunca" not in received
    await eventually(lambda: not requests_in_work())
    assert (site.application._limits._taken, site.hub.registry.subscribers) == (0, {})
    assert "Exception in ASGI application" not in caplog.text


async def send_away(site):
    for connection in list(site.connections):
        connection.shutdown()


async def test_a_replay_that_fails_cuts_its_connection_so_that_the_page_comes_again(site, ana, speak, replay):
    cursor = f"{site.hub.position.epoch}.0"
    await site.publish("Depois", to=audiences.SYSTEM_CHANNEL)
    replay(lambda: 1 / 0)
    asked = await request(site, ana, f"GET /api/v1/stream/?cursor={cursor} HTTP/1.1")
    reader, _ = await speak(asked)
    received = await reader.read()
    assert b"event: heads" in received
    assert b"event: bye" not in received
    await eventually(lambda: site.application._limits._taken == 0)
    replay(lambda: None)
    reader, _ = await speak(asked)
    await read_until(reader, b"Depois")


async def test_who_never_reads_the_goodbye_is_cut_off(site, ana, monkeypatch):
    monkeypatch.setattr("notificacao.stream.socket_stream.GRACE", 0.05)
    stream = await site.open(ana)
    stream.stall()
    while site.hub.registry.subscribers[ana.pk].streams[0]._transport.get_write_buffer_size() == 0:
        await site.publish(*["Muito texto"] * 20, to=audiences.SYSTEM_CHANNEL)
        await asyncio.sleep(0)
    site.hub.drain()
    await eventually(lambda: not site.connections)
    assert site.hub.registry.subscribers == {}
    stream._hung_up = True  # the connection was reset under it
    stream.read_on()


async def test_the_server_waits_for_its_streams_and_tells_them_to_go(site, ana):
    stream = await site.open(ana)
    (connection,) = site.connections
    connection.shutdown()
    bye = await stream.next("bye")
    assert bye.data["reason"] == "drain"
    assert 0 <= bye.data["after_ms"] < 2_000
    await eventually(lambda: not site.connections)


async def test_nothing_of_the_request_is_kept(site, ana):
    """No protocol of uvicorn's, no scope, no task."""
    await site.open(ana)
    (connection,) = site.connections
    assert type(connection).__name__ == "SocketStream"
    assert not hasattr(connection, "__dict__")
    await eventually(lambda: not requests_in_work())


# --- What of uvicorn's own the takeover leans on


def test_this_uvicorn_is_one_that_the_takeover_knows():
    """Another release: read its httptools_impl.py, see that the tests of this page pass, then change KNOWN."""
    assert uvicorn.__version__.startswith(takeover.KNOWN)
    assert takeover.http_protocol() is TakeoverProtocol


def test_with_an_unknown_uvicorn_streams_are_served_plainly(monkeypatch):
    monkeypatch.setattr(uvicorn, "__version__", "0.55.0")
    assert takeover.http_protocol() == "httptools"
    config = uvicorn.Config("semtas.asgi:application", http=takeover.http_protocol())
    config.load()
    assert config.http_protocol_class is httptools_impl.HttpToolsProtocol


async def test_the_names_that_it_uses_are_there():
    config = uvicorn.Config(lambda *_: None, lifespan="off", log_config=None)
    state = ServerState()
    protocol = httptools_impl.HttpToolsProtocol(config, state, {})
    assert (state.connections, state.default_headers) == (set(), [])
    assert protocol.connections is state.connections
    assert (protocol.transport, protocol.flow, protocol.cycle, protocol.scope) == (None, None, None, None)
    assert protocol.pipeline == deque()
    assert isinstance(protocol.parser, httptools.HttpRequestParser)
    assert httptools_impl.STATUS_LINE[200] == b"HTTP/1.1 200 OK\r\n"
    assert list(inspect.signature(protocol.on_headers_complete).parameters) == []
    assert list(inspect.signature(protocol.connection_lost).parameters) == ["exc"]
    assert list(inspect.signature(FlowControl.resume_reading).parameters) == ["self"]
    cycle = inspect.getsource(httptools_impl.RequestResponseCycle.__init__)
    for name in ("scope", "disconnected", "response_started", "response_complete"):
        assert f"self.{name} = " in cycle


def test_the_server_asks_each_connection_to_shut_down_and_waits_for_it():
    shutdown = inspect.getsource(uvicorn.Server.shutdown)
    assert "for connection in list(self.server_state.connections):\n            connection.shutdown()" in shutdown
    assert "while self.server_state.connections" in inspect.getsource(uvicorn.Server._wait_tasks_to_complete)
