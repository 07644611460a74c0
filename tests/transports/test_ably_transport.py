"""The Ably transport against the real SDK and the local server."""

import asyncio
import base64
import json
import time
import uuid

import httpx
import jwt
import pytest
from ably import AblyException, AblyRest
from django.utils import timezone

from notificacao import keys, signing, wire
from notificacao.models import Notification
from notificacao.signing import Place
from notificacao.transports import Envelope, TransportError
from notificacao.transports.ably import AblyTransport, messages
from tests.live.ably_server import KEY_NAME, SECRET, AblyServer, free_port
from tests.waiting import PATIENCE

pytestmark = pytest.mark.services

TITLE = "Auxílio aprovado"
MESSAGE = "O benefício da família Ñandú foi liberado."


@pytest.fixture
def ably(ably_server, settings):
    """The settings that lead to the shared server."""
    settings.ABLY_ENDPOINT = "127.0.0.1"
    settings.ABLY_TLS = False
    settings.ABLY_PORT = ably_server.port
    settings.ABLY_API_KEY = ably_server.key
    return settings


@pytest.fixture
async def transport(ably):
    transport = AblyTransport()
    yield transport
    await transport.close()


def envelope(channel=None, key_epoch=1, **fields):
    """A stamped row on a channel of its own, never saved."""
    row = Notification(
        created_at=timezone.now(),
        channel=channel or f"private:user:{uuid.uuid4().hex}:notifications",
        **{"seq": 7, "prev_seq": 3, "title": TITLE, "message": MESSAGE, "data": {"valor": 12}, **fields},
    )
    return Envelope(row, "e90c", key_epoch)


async def sign(_params):
    """A token that may do everything, made apart from the transport's own."""
    claims = {"iat": int(time.time()), "exp": int(time.time()) + 60, "x-ably-capability": '{"*":["*"]}'}
    return jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": KEY_NAME})


async def history(server, sent):
    """What a browser that holds the channel's key reads, oldest first."""
    key = keys.channel_key(sent.row.channel, sent.key_epoch)
    address = {"endpoint": "127.0.0.1", "port": server.port, "tls": False}
    async with AblyRest(auth_callback=sign, use_binary_protocol=False, **address) as rest:
        page = await rest.channels.get(sent.row.channel, cipher={"key": key}).history(direction="forwards")
        return page.items


def on_the_server(server, sent):
    """The messages as the server holds them."""
    answer = httpx.get(f"{server.url}/channels/{sent.row.channel}/messages", auth=(KEY_NAME, SECRET))
    answer.raise_for_status()
    return answer.json()


async def test_a_published_row_is_in_the_history_and_decrypts_to_the_wire_object(transport, ably_server):
    sent = envelope()
    await transport.publish([sent])
    [message] = await history(ably_server, sent)
    assert message.data == wire.WireNotification.of(sent.row).model_dump(mode="json")
    assert message.data["title"] == TITLE
    assert (message.name, message.id) == ("notification", str(sent.row.public_id))


async def test_the_headers_tell_a_browser_where_in_the_log_the_row_lies_and_which_key_opens_it(transport, ably_server):
    sent = envelope(key_epoch=5)
    await transport.publish([sent])
    [message] = on_the_server(ably_server, sent)
    headers = message["extras"]["headers"]
    place = {"seq": 7, "prev_seq": 3, "epoch": "e90c", "key_epoch": 5}
    assert headers.items() > place.items(), "they came through as they were sent"
    assert set(headers) == {*place, "signer", "signature"}
    assert signing.verified(sent.row.channel, message["id"], headers, base64.b64decode(message["data"]))


async def test_a_reference_is_encrypted_and_signed_too(transport, ably, ably_server):
    ably.ABLY_PAYLOAD = "reference"
    sent = envelope()
    await transport.publish([sent])
    [held], [read] = on_the_server(ably_server, sent), await history(ably_server, sent)
    assert held["encoding"] == f"{signing.ENCODING}/base64"
    assert signing.verified(sent.row.channel, held["id"], held["extras"]["headers"], base64.b64decode(held["data"]))
    assert read.data == {"id": str(sent.row.public_id), "seq": 7}


def test_a_row_is_signed_once_however_often_it_is_sent(monkeypatch):
    signed = []
    sign = signing.sign
    monkeypatch.setattr(signing, "sign", lambda *of: signed.append(of) or sign(*of))
    sent = envelope()
    for _ in range(3):
        AblyTransport.seal(None, sent)
    assert len(signed) == 1


async def test_what_lies_on_the_server_tells_neither_title_nor_message(transport, ably_server):
    sent = envelope()
    await transport.publish([sent])
    [message] = on_the_server(ably_server, sent)
    assert message["encoding"] == "json/utf-8/cipher+aes-256-cbc/base64"
    held = json.dumps(message, ensure_ascii=False).encode() + base64.b64decode(message["data"])
    for secret in (TITLE, MESSAGE, "valor"):
        assert secret.encode() not in held
        assert json.dumps(secret).strip('"').encode() not in held


async def test_a_row_of_another_key_epoch_does_not_open_with_the_old_key(transport, ably_server):
    channel = f"private:user:{uuid.uuid4().hex}:notifications"
    await transport.publish([envelope(channel, key_epoch=2)])
    old, new = envelope(channel, key_epoch=1), envelope(channel, key_epoch=2)
    [opened] = await history(ably_server, new)
    assert opened.data["title"] == TITLE
    with pytest.raises(AblyException):
        await history(ably_server, old)


async def test_the_same_row_published_twice_is_one_message(transport, ably_server):
    sent = envelope()
    await transport.publish([sent])
    await transport.publish([sent])
    assert len(on_the_server(ably_server, sent)) == 1


async def test_the_same_row_published_by_another_process_is_still_one_message(transport, ably_server):
    sent = envelope()
    await transport.publish([sent])
    heir = AblyTransport()
    await heir.publish([sent])
    await heir.close()
    assert len(on_the_server(ably_server, sent)) == 1


async def test_rows_of_one_channel_lie_in_the_order_in_which_they_were_published(transport, ably_server):
    channel = f"private:user:{uuid.uuid4().hex}:notifications"
    rows = [envelope(channel, seq=seq, prev_seq=seq - 1) for seq in range(1, 6)]
    for row in rows:
        await transport.publish([row])
    assert [message.data["seq"] for message in await history(ably_server, rows[0])] == [1, 2, 3, 4, 5]


async def test_a_probe_of_a_healthy_server_raises_nothing_and_publishes_nothing(transport, ably_server):
    before = on_the_server(ably_server, envelope("system:probe"))
    assert await transport.probe() is None
    assert on_the_server(ably_server, envelope("system:probe")) == before


async def test_with_the_server_killed_publish_and_probe_fail_for_now_and_recover_with_it(ably):
    with AblyServer() as server:
        ably.ABLY_PORT, ably.ABLY_API_KEY = server.port, server.key
        transport = AblyTransport()
        sent = envelope()
        await transport.publish([sent])
        [before] = on_the_server(server, sent)
        server.kill()
        with pytest.raises(TransportError, match="connection attempts failed") as publishing:
            await transport.publish([sent])
        with pytest.raises(TransportError, match="connection attempts failed") as probing:
            await transport.probe()
        assert not publishing.value.permanent
        assert not probing.value.permanent
        server.start()
        await transport.probe()
        await transport.publish([sent])
        [after] = on_the_server(server, sent)
        await transport.close()
    assert (after["id"], after["data"]) == (before["id"], before["data"]), "a retry sends the same bytes"


async def test_with_a_wrong_secret_publish_and_probe_fail_for_good_and_the_secret_is_not_told(ably, ably_server):
    wrong = "outro-segredo-de-teste-32-letras"
    ably.ABLY_API_KEY = f"{KEY_NAME}:{wrong}"
    transport = AblyTransport()
    sent = envelope()
    with pytest.raises(TransportError) as publishing:
        await transport.publish([sent])
    with pytest.raises(TransportError) as probing:
        await transport.probe()
    await transport.close()
    assert publishing.value.permanent
    assert probing.value.permanent
    assert wrong not in f"{publishing.value}{probing.value}"
    assert on_the_server(ably_server, sent) == []


async def test_what_is_announced_is_heard_by_whoever_subscribed_and_opens_with_the_key(transport):
    channel, key = f"system:canary:{uuid.uuid4().hex}", keys.channel_key("system:canary", 1)
    async with transport.subscribe(channel, key=key) as listening:
        assert listening.connected
        message_id = await transport.announce(channel, {"at": 12}, key=key)
        assert await asyncio.wait_for(listening.next(), PATIENCE) == (message_id, {"at": 12})


async def test_of_what_the_server_did_not_sign_nothing_is_heard_but_its_id(transport, ably, ably_server):
    """Whoever holds Ably's key may publish, and a member has the channel's key too."""
    channel, key = f"system:canary:{uuid.uuid4().hex}", keys.channel_key("system:canary", 1)
    async with transport.subscribe(channel, key=key) as listening:
        ours = await transport.announce(channel, {"at": 12}, key=key)
        assert await asyncio.wait_for(listening.next(), PATIENCE) == (ours, {"at": 12})
        [signed] = httpx.get(f"{ably_server.url}/channels/{channel}/messages", auth=(KEY_NAME, SECRET)).json()
        replayed = {name: signed[name] for name in ("name", "data", "encoding", "extras")} | {"id": "another"}
        plain = {"id": "plain", "name": "probe", "data": '{"at":12}', "encoding": "utf-8", "extras": signed["extras"]}
        ably.SIGNING_KEYS = [base64.b64encode(b"a signing key of somebody else's").decode()]
        place = Place("", channel, 0, 0, "foreign", 0)
        foreign = json.loads(messages.encode("probe", {"at": 12}, place=place, key=key))
        ably.SIGNING_KEYS = [ably.EMBEDDED_SIGNING_KEY]
        for forged in (replayed, plain, foreign):
            published = httpx.post(
                f"{ably_server.url}/channels/{channel}/messages", auth=(KEY_NAME, SECRET), json=forged
            )
            published.raise_for_status()
            assert await asyncio.wait_for(listening.next(), PATIENCE) == (forged["id"], None)


async def test_subscribing_where_nothing_answers_fails_within_the_timeout(transport, ably):
    ably.ABLY_PORT, ably.ABLY_PUBLISH_TIMEOUT = free_port(), 0.3
    with pytest.raises(TransportError, match="cannot listen") as raised:
        async with transport.subscribe("system:canary", key=bytes(32)):
            raise AssertionError("it attached to nothing")
    assert not raised.value.permanent


async def test_announcing_what_is_too_large_fails_for_good(transport):
    with pytest.raises(TransportError) as raised:
        await transport.announce("system:canary", {"x": "x" * 100_000}, key=bytes(32))
    assert raised.value.permanent


async def test_rows_published_together_each_arrive_in_their_own_channel(transport, ably_server):
    sent = [envelope(seq=seq) for seq in range(1, 101)]
    assert await transport.publish(sent) == [None] * 100
    for one in (sent[0], sent[57], sent[99]):
        [message] = await history(ably_server, one)
        assert (message.id, message.data["seq"]) == (str(one.row.public_id), one.row.seq)


async def test_a_row_published_together_and_then_alone_is_one_message(transport, ably_server):
    first, second = envelope(), envelope()
    await transport.publish([first, second])
    await transport.publish([second])
    assert len(on_the_server(ably_server, second)) == 1


async def test_the_sdk_keeps_no_channel_of_those_that_were_published_to(transport):
    await transport.publish([envelope() for _ in range(3)])
    await transport.publish([envelope()])
    assert not list(transport._client._rest.channels)


async def test_a_message_that_is_too_large_fails_for_good(transport, ably_server):
    sent = envelope(data={"texto": "x" * 300_000})
    with pytest.raises(TransportError) as raised:
        await transport.publish([sent])
    assert raised.value.permanent
    assert on_the_server(ably_server, sent) == []
