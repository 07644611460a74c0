"""The proxy: what it spoils, and that it spoils nothing else."""

import asyncio
import time

import pytest

from tests.faults.proxy import Proxy, abort
from tests.waiting import PATIENCE, eventually


@pytest.fixture
async def echo():
    """A server that gives back what it gets, until the other side closes."""
    closed, writers = [], []

    async def answer(reader, writer):
        writers.append(writer)
        while data := await reader.read(1_000):
            writer.write(data)
        closed.append(True)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    server.closed, server.writers = closed, writers
    yield server
    server.close()


@pytest.fixture
def proxy(echo):
    with Proxy(echo.sockets[0].getsockname()[1]) as proxy:
        yield proxy


@pytest.fixture
async def line(proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    yield reader, writer
    writer.close()


async def round_trip(line, text=b"ana"):
    reader, writer = line
    writer.write(text)
    async with asyncio.timeout(PATIENCE):
        return await reader.readexactly(len(text))


async def test_it_passes_everything_on_both_ways(line, proxy):
    text = bytes(range(256)) * 1_000
    assert await round_trip(line, text) == text
    assert proxy.open == 1


async def test_the_end_of_one_direction_reaches_the_other_side(line, echo):
    line[1].write_eof()
    assert await line[0].read() == b""
    assert echo.closed == [True]


async def test_latency_delays_each_direction(line, proxy):
    proxy.latency = 0.1
    began = time.monotonic()
    assert await round_trip(line) == b"ana"
    assert time.monotonic() - began >= 0.2


async def test_a_slow_line_takes_its_time(line, proxy):
    await round_trip(line)
    proxy.pace = 1_000
    began = time.monotonic()
    await round_trip(line, b"x" * 200)
    assert time.monotonic() - began >= 0.2


async def test_what_is_held_comes_later(line, proxy):
    await round_trip(line)
    proxy.hold()
    line[1].write(b"bia")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await line[0].read(1)
    proxy.heal()
    assert await line[0].readexactly(3) == b"bia"


async def test_what_is_swallowed_never_comes_and_the_line_breaks_when_it_is_over(line, proxy):
    proxy.swallow()
    line[1].write(b"bia")
    await eventually(lambda: proxy.spoilt == 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await line[0].read(1)
    proxy.heal()
    with pytest.raises(ConnectionResetError):
        await line[0].read(1)


async def test_a_line_that_lost_nothing_outlives_the_hole(line, proxy):
    await round_trip(line)
    proxy.swallow()
    proxy.heal()
    assert await round_trip(line) == b"ana"


async def test_a_reset_breaks_off_both_sides(line, proxy, echo):
    await round_trip(line)
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await line[0].read(1)
    await eventually(lambda: proxy.open == 0)


async def test_a_reset_by_the_other_side_is_passed_on(line, proxy, echo):
    """As a server does that is killed with something unread: who waits for its answer has to hear of it."""
    assert await round_trip(line) == b"ana"
    for writer in echo.writers:
        abort(writer)
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(PATIENCE):
            await line[0].read(1)
    await eventually(lambda: proxy.open == 0)


async def test_a_half_closed_line_says_no_more_and_still_listens(line, proxy, echo):
    await round_trip(line)
    proxy.half_close()
    assert await line[0].read() == b""
    assert proxy.open == 1
    line[1].write_eof()
    await eventually(lambda: echo.closed)


async def test_who_connects_while_nobody_answers_is_turned_away(proxy, echo):
    echo.close()
    await echo.wait_closed()

    async def connect_and_read():
        reader, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
        await reader.read(1)

    with pytest.raises(ConnectionResetError):  # while it connects, or once it reads
        await connect_and_read()
