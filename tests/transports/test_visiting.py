"""A visitor listens at Ably with a person's token, and takes what is signed and encrypted for that channel alone."""

import base64
import time

import pytest

from notificacao import signing
from notificacao.transports import TransportError
from notificacao.transports.ably import messages, visiting
from tests.live.ably_server import free_port

KEY, OLD = b"k" * 32, b"o" * 32
SIGNERS = {one["id"]: base64.b64decode(one["key"]) for one in signing.public_keys()}


def told(key):
    return base64.b64encode(key).decode()


@pytest.fixture
def heard():
    channel = {"name": "private:user:ana:notifications", "key": told(KEY), "old_keys": [told(OLD)]}
    return visiting.Hearing(channel, SIGNERS)


async def test_a_row_under_any_of_the_channel_s_keys_is_heard(heard, monkeypatch):
    monkeypatch.setattr(messages, "decode", lambda name, message, key, signers: message.get(key))
    heard.take({KEY: {"seq": 1}})
    heard.take({b"of another channel": {"seq": 2}})
    heard.take({OLD: {"seq": 3}})
    assert [(await heard.next())["seq"] for _ in range(2)] == [1, 3]


async def test_where_nobody_answers_it_says_so_within_its_time():
    session = {
        "channels": [{"name": "system:notifications", "key": None, "old_keys": []}],
        "ably": {"endpoint": "127.0.0.1", "port": free_port(), "tls": False, "signing_keys": signing.public_keys()},
    }
    began = time.monotonic()
    with pytest.raises(TransportError) as refused:
        async with visiting.hearing(session, "token", "system:notifications", within=0.5):
            pytest.fail("nobody is there")
    assert not refused.value.permanent
    assert time.monotonic() - began < 60


def test_without_an_address_the_sdk_s_own_is_taken():
    assert visiting._address({"endpoint": None}) == {}
