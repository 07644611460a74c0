"""A stream that has its connection for itself: what it writes, for how long it waits, and how it lets go."""

import asyncio
import contextlib
import socket

import pytest

from notificacao.stream import frames, socket_stream
from notificacao.stream.socket_stream import SocketStream
from notificacao.stream.subscribers import Lane
from tests.waiting import PATIENCE, eventually

MUCH = b"x" * 1_000_000  # more than the kernel takes of who does not read


class Browser:
    """The other end of the connection."""

    def __init__(self, connection: socket.socket):
        connection.setblocking(False)
        self.connection = connection

    async def read(self, size: int = 0) -> bytes:
        """That much; all up to the end where no size is given."""
        received = b""
        async with asyncio.timeout(PATIENCE):
            while not size or len(received) < size:
                most = size - len(received) if size else 65_536
                piece = await asyncio.get_running_loop().sock_recv(self.connection, most)
                if not piece:
                    break
                received += piece
        return received


@pytest.fixture
def limit():
    """In bytes that the browser may leave unread."""
    return 4_096


@pytest.fixture
async def ends(limit):
    """`(stream, browser, connections, lost)`: the stream owns a connection to the browser."""
    here, there = socket.socketpair()
    lost, connections = [], set()
    stream = SocketStream(Lane.LIVE, "chave", "", limit=limit, lost=lost.append)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, here)
    stream.attach(transport, connections)
    with contextlib.closing(there):
        yield stream, Browser(there), connections, lost
    stream.abort()


@pytest.mark.parametrize("limit", [10 * len(MUCH)])
async def test_frames_arrive_in_order_and_nothing_follows_the_goodbye(ends):
    """However much of it all is still unread."""
    stream, browser, *_ = ends
    stream.write(MUCH + b"a\n\n")
    await stream.send(b"b\n\n")
    stream.end("drain", after_ms=7)
    stream.end("limit", after_ms=60_000)
    stream.write(b"c\n\n")
    assert await browser.read() == MUCH + b"a\n\nb\n\n" + frames.bye("drain", 7)


async def test_an_empty_page_of_a_replay_is_no_piece(ends):
    stream, browser, *_ = ends
    await stream.send(b"")
    stream.write(b"a\n\n")
    assert await browser.read(3) == b"a\n\n"


async def test_a_replay_waits_until_its_page_is_read(ends):
    stream, browser, *_ = ends
    sending = asyncio.create_task(stream.send(MUCH))
    await eventually(lambda: stream._writable is not None)
    assert not sending.done()
    assert await browser.read(len(MUCH)) == MUCH
    await sending
    assert not stream.ended


async def test_who_reads_no_page_within_its_time_is_sent_away(ends, monkeypatch):
    monkeypatch.setattr(socket_stream, "PATIENCE", 0.01)
    stream, browser, *_ = ends
    sending = asyncio.create_task(stream.send(MUCH))
    with pytest.raises(ConnectionResetError):
        await sending
    assert stream.ended
    assert await browser.read() == MUCH + frames.bye("slow", 1_000)


async def test_who_leaves_more_than_the_limit_unread_is_sent_away_in_the_midst_of_what_came(ends):
    stream, browser, *_ = ends
    stream.write(MUCH)
    stream.write(b"never")
    assert await browser.read() == MUCH + frames.bye("slow", 1_000)


async def test_who_reads_on_in_time_may_be_written_to_again(ends):
    stream, browser, *_ = ends
    stream.write(MUCH)
    await browser.read(len(MUCH))
    await eventually(lambda: not stream._paused)
    stream.write(MUCH)
    assert await browser.read(len(MUCH)) == MUCH
    assert not stream.ended


async def test_a_goodbye_that_nobody_reads_is_not_waited_for_for_ever(ends, monkeypatch):
    monkeypatch.setattr(socket_stream, "GRACE", 0.0)
    stream, _, connections, lost = ends
    stream.write(MUCH)
    stream.end("drain")
    await eventually(lambda: lost == [stream])
    assert connections == set()


async def test_a_stream_that_is_cut_off_says_no_goodbye(ends):
    stream, browser, connections, lost = ends
    stream.abort()
    assert await browser.read() == b""
    assert (connections, lost) == (set(), [stream])


async def test_the_replay_of_who_hangs_up_ends_at_once(ends):
    stream, browser, *_ = ends
    sending = asyncio.create_task(stream.send(MUCH))
    await eventually(lambda: stream._writable is not None)
    browser.connection.close()
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(PATIENCE):
            await sending


async def test_once_the_connection_is_lost_nothing_is_asked_of_it(ends):
    stream, browser, connections, lost = ends
    assert connections == {stream}
    browser.connection.close()
    await eventually(lambda: lost)
    stream.write(b"a\n\n")
    stream.end("drain")
    stream.abort()
    with pytest.raises(ConnectionResetError):
        await stream.send(b"b\n\n")
    assert (connections, lost) == (set(), [stream])
