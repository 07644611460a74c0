"""Somebody who reaches the dispatcher's port of metrics sends without an end, slowly, or over many connections."""

import asyncio
import socket

import pytest

from notificacao.server import beside
from tests.waiting import PATIENCE

LIVE = b"GET /health/nada HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def call(monkeypatch):
    """`call()` opens a connection to the port."""
    monkeypatch.setattr(beside, "_AT_ONCE", 2)
    monkeypatch.setattr(beside, "_OVER_WITHIN", 0.3)
    loop = asyncio.new_event_loop()
    server, thread = beside.serve("127.0.0.1", 0, loop)
    opened = []

    def connect() -> socket.socket:
        opened.append(socket.create_connection(server.server_address[:2], timeout=PATIENCE))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()
    server.shutdown()
    server.server_close()
    thread.join()
    loop.close()


def answer(connection) -> bytes:
    """All that comes until the other side closes; a reset is the end too."""
    came = b""
    try:
        while piece := connection.recv(65_536):
            came += piece
    except ConnectionError:
        pass
    return came


@pytest.mark.parametrize("line", [b"X: " + b"x" * 60_000, b"\r\n".join([b"X: " + b"x" * 1_000] * 60)])
def test_a_large_head_is_cut_off(call, line):
    connection = call()
    connection.sendall(b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n")
    assert answer(connection) == b""


def test_who_says_little_again_and_again_is_cut_off_in_the_end(call):
    connection = call()
    connection.sendall(b"GET / HTTP/1.1\r\nX: ")
    assert answer(connection) == b""


def test_who_holds_all_the_places_keeps_nobody_out_for_long(call, monkeypatch):
    held = [call() for _ in range(2)]
    for one in held:
        one.sendall(b"GET /")
    assert answer(call()) == b""
    for one in held:
        assert answer(one) == b""
    monkeypatch.setattr(beside, "_OVER_WITHIN", PATIENCE)  # all metrics of this process may take a second
    after = b""
    while not after:  # the places are given back a moment after the end is seen
        connection = call()
        connection.sendall(LIVE)
        after = answer(connection)
    assert after.startswith(b"HTTP/1.0 ")
