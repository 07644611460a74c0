"""What the Ably transport makes of every kind of answer, and of none, through the real SDK."""

import asyncio
import contextlib
import json
import socket
import struct
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import uvloop
from django.utils import timezone
from prometheus_client import REGISTRY

from notificacao.models import Notification
from notificacao.transports import CredentialsRejected, Envelope, TooFast, TransportError
from notificacao.transports.ably import AblyTransport, client, messages
from tests.answering import Answering
from tests.live.tls import self_signed
from tests.waiting import eventually

OK = {"channel": "x", "messageId": "y"}
PAGE = "<html><body>502 Bad Gateway</body></html>"


def error(code, status, message="something"):
    return {"error": {"code": code, "statusCode": status, "message": message}}


@pytest.fixture
async def server(settings):
    server = Answering()
    settings.ABLY_ENDPOINT, settings.ABLY_TLS = "127.0.0.1", False
    settings.ABLY_PORT = await server.start()
    settings.ABLY_API_KEY = "semtas.local:segredo-de-teste-com-32-letras-x"
    yield server
    await server.stop()


@pytest.fixture
async def transport(server):
    transport = AblyTransport()
    yield transport
    await transport.close()


@pytest.fixture
def resetting():
    """The port of a server that resets each connection as soon as it is there."""

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def envelope(seq=1, **fields):
    fields = {"title": "Título", "message": "Mensagem", **fields}
    content = {"channel": f"private:user:{seq}:notifications", "created_at": timezone.now(), **fields}
    return Envelope(Notification(seq=seq, prev_seq=0, **content), "e90c", 1)


async def fault(transport):
    """What one publish raises or answers."""
    try:
        [found] = await transport.publish([envelope()])
    except TransportError as raised:
        return raised
    return found


async def test_a_second_request_looks_for_no_module(transport, server, monkeypatch):
    looked_for = []

    class Finder:
        @staticmethod
        def find_spec(name, *_):
            looked_for.append(name)

    for _ in range(2):
        server.says(201, OK)
    await transport.publish([envelope()])
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    await transport.publish([envelope(2)])
    assert looked_for == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, 40101), (401, 40144), (401, 40111), (401, 40114), (403, 40300), (404, 40400)],
)
async def test_a_refused_key_or_account_is_everybodys(transport, server, status, code):
    server.says(status, error(code, status))
    with pytest.raises(CredentialsRejected, match=str(code)) as raised:
        await transport.publish([envelope()])
    assert raised.value.permanent


@pytest.mark.parametrize(("status", "code"), [(400, 40000), (400, 40009), (400, 40010), (401, 40160), (413, 40009)])
async def test_a_fault_of_the_message_is_its_own_and_for_good(transport, server, status, code):
    server.says(status, error(code, status))
    [found] = await transport.publish([envelope()])
    assert found.permanent
    assert not isinstance(found, CredentialsRejected)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_fault_of_the_server_passes(transport, server, status):
    server.says(status, error(status * 100, status))
    with pytest.raises(TransportError, match=str(status)) as raised:
        await transport.publish([envelope()])
    assert not raised.value.permanent


@pytest.mark.parametrize("status", [200, 429, 500, 502, 403])
@pytest.mark.parametrize("body", [PAGE, {"error": "no object"}, {"error": {"code": "words"}}, ["a list"], None])
async def test_a_body_that_is_not_ablys_never_parks_a_message_for_good(transport, server, status, body):
    server.says(status, body)
    found = await fault(transport)
    if status == 403 and body != PAGE:
        assert isinstance(found, CredentialsRejected), "whoever it was: nobody gets through"
    elif found is not None:  # a 200 with another body is a 200
        assert not found.permanent


async def test_too_fast_is_told_apart_with_the_pause_that_is_asked_for(transport, server):
    server.says(429, error(42910, 429, "rate limit"), Retry_After="7")
    with pytest.raises(TooFast, match="42910") as raised:
        await transport.publish([envelope()])
    assert raised.value.retry_after == 7.0
    assert not raised.value.permanent


async def test_the_pause_may_be_a_date_a_word_that_means_nothing_or_absent(transport, server):
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    pauses = []
    for header in ({"Retry_After": in_a_minute}, {"Retry_After": "soon"}, {}):
        server.answers.clear()
        server.says(429, error(42910, 429), **header)
        pauses.append((await fault(transport)).retry_after)
    assert 50 < pauses[0] <= 60
    assert pauses[1:] == [None, None]


async def test_silence_ends_at_the_timeout_and_passes(transport, server, settings):
    settings.ABLY_PUBLISH_TIMEOUT = 0.2
    server.answers.append(Answering.SILENCE)
    found = await fault(transport)
    assert "no answer within 0.2 s" in str(found)
    assert not found.permanent


async def test_who_gives_up_while_attaching_leaves_no_connection_behind(transport, server):
    server.answers.append(Answering.SILENCE)
    attaching = asyncio.create_task(transport.subscribe("system:probe", key=bytes(32)).__aenter__())
    await eventually(lambda: server.requests)
    attaching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attaching
    await eventually(lambda: server.hung_up == len(server.requests))


@pytest.mark.parametrize(
    ("endpoint", "tls", "address"),
    [
        ("", True, {}),
        ("ably.example", True, {"endpoint": "ably.example", "tls": True, "tls_port": 8443}),
        ("127.0.0.1", False, {"endpoint": "127.0.0.1", "tls": False, "port": 8443}),
    ],
)
def test_without_an_endpoint_ably_is_where_the_sdk_says_else_by_the_port_of_its_scheme(
    settings, endpoint, tls, address
):
    settings.ABLY_ENDPOINT, settings.ABLY_TLS, settings.ABLY_PORT = endpoint, tls, 8443
    assert client.address() == address


@pytest.mark.slow
async def test_a_handshake_that_fails_passes(server, settings):
    settings.ABLY_TLS = True
    server.says(200, OK)
    transport = AblyTransport()
    found = await fault(transport)
    await transport.close()
    assert "unreachable" in str(found)
    assert not found.permanent


def test_a_connection_that_ends_while_it_is_made_is_unreachable_however_the_library_says_so(settings, resetting):
    settings.ABLY_ENDPOINT, settings.ABLY_TLS, settings.ABLY_PORT = "127.0.0.1", False, resetting
    settings.ABLY_API_KEY = "semtas.local:segredo-de-teste-com-32-letras-x"

    async def told() -> set[str]:
        transport = AblyTransport()
        found = {str(await fault(transport)).split(":")[0] for _ in range(50)}
        await transport.close()
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the dispatcher's loop
        assert runner.run(told()) == {"unreachable"}


async def test_a_certificate_that_nobody_trusts_passes_and_nothing_is_told_to_whoever_shows_it(settings, tmp_path):
    server = Answering()
    server.says(200, OK)
    settings.ABLY_ENDPOINT, settings.ABLY_TLS = "127.0.0.1", True
    settings.ABLY_PORT = await server.start(self_signed(tmp_path / "unknown.pem"))
    settings.ABLY_API_KEY = "semtas.local:segredo-de-teste-com-32-letras-x"
    transport = AblyTransport()
    found = await fault(transport)
    await transport.close()
    await server.stop()
    assert "CERTIFICATE_VERIFY_FAILED" in str(found)
    assert not found.permanent
    assert server.requests == []


@pytest.mark.parametrize("code", [40140, 40142])
async def test_an_expired_token_of_our_own_is_renewed_and_the_message_goes_out(transport, server, code):
    server.says(401, error(code, 401, "token expired"))
    server.says(201, OK)
    assert await transport.publish([envelope()]) == [None]
    assert len(server.requests) == 2
    assert server.requests[0][1] == server.requests[1][1]


async def test_a_token_that_is_refused_again_is_the_keys_fault(transport, server):
    server.says(401, error(40142, 401, "token expired"))
    assert isinstance(await fault(transport), CredentialsRejected)
    assert len(server.requests) == 2


async def test_already_used_means_that_an_earlier_attempt_had_arrived(transport, server):
    server.says(400, error(40000, 400, "message.id was already used with a different payload"))
    assert await transport.publish([envelope()]) == [None]


async def test_a_batch_is_one_request_and_each_learns_of_its_own_fault(transport, server):
    results = [OK, {"channel": "x", **error(40010, 400)}, {"channel": "x", **error(50003, 503)}]
    server.says(201, [{"successCount": 1, "failureCount": 0, "results": [result]} for result in results])
    faults = await transport.publish([envelope(seq) for seq in (1, 2, 3)])
    assert [found and found.permanent for found in faults] == [None, True, False]
    [(line, body)] = server.requests
    assert line.startswith("POST /messages")
    assert [spec["channels"] for spec in json.loads(body)] == [
        [f"private:user:{seq}:notifications"] for seq in (1, 2, 3)
    ]


async def test_a_batch_with_another_number_of_results_passes(transport, server):
    server.says(201, [{"results": [OK]}])
    with pytest.raises(TransportError, match="1 results of 2") as raised:
        await transport.publish([envelope(1), envelope(2)])
    assert not raised.value.permanent


async def test_a_message_that_makes_ably_refuse_the_whole_batch_is_found_and_the_others_go_out(transport, server):
    server.says(400, error(40000, 400))  # all four
    server.says(201, [{"results": [OK]}, {"results": [OK]}])  # the first half
    server.says(400, error(40000, 400))  # the second half
    server.says(400, error(40000, 400, "this one"))
    server.says(201, OK)
    faults = await transport.publish([envelope(seq) for seq in (1, 2, 3, 4)])
    assert [found and str(found) for found in faults] == [None, None, "40000: this one", None]


async def test_a_batch_that_the_server_fails_is_not_taken_apart(transport, server):
    server.says(503, error(50300, 503))
    with pytest.raises(TransportError, match="50300"):
        await transport.publish([envelope(1), envelope(2)])
    assert len(server.requests) == 1


async def test_every_attempt_sends_the_same_bytes_even_from_another_process(transport, server):
    server.says(201, OK)
    sent = envelope(data={"valor": 12})
    await transport.publish([sent])
    await transport.publish([sent])
    heir = AblyTransport()
    await heir.publish([Envelope(sent.row, "e90c", 1)])
    await heir.close()
    assert len({body for _, body in server.requests}) == 1


async def test_a_message_that_ably_would_refuse_for_its_size_is_not_sent(transport, server):
    with pytest.raises(TransportError, match=str(messages.LARGEST)) as raised:
        transport.seal(envelope(data={"texto": "x" * messages.LARGEST}))
    assert raised.value.permanent
    assert server.requests == []


async def test_what_ably_bills_is_counted_by_5_kib(transport, server):
    server.says(201, OK)
    before = billed()
    await transport.publish([envelope()])
    assert billed() == before + 1
    await transport.publish([envelope(data={"texto": "x" * 8_000})])
    assert billed() == before + 1 + 3, "8,000 bytes are some 11,000 in base64"


async def test_what_was_not_published_is_not_counted(transport, server):
    server.says(400, error(40009, 400))
    before = billed()
    await transport.publish([envelope()])
    assert billed() == before


def billed():
    return REGISTRY.get_sample_value("notificacao_ably_billed_total")


async def test_a_probe_by_a_key_that_may_only_publish_finds_ably_well(transport, server):
    server.says(401, error(40160, 401, "not permitted"))
    assert await transport.probe() is None


async def test_a_probe_with_a_refused_key_says_so(transport, server):
    server.says(401, error(40101, 401))
    with pytest.raises(CredentialsRejected, match="40101"):
        await transport.probe()


async def test_a_channels_name_cannot_leave_its_place_in_the_path(transport, server):
    server.says(201, OK)
    odd = envelope()
    odd.row.channel = "a/b?c#d e"
    await transport.publish([odd])
    assert server.requests[0][0].startswith("POST /channels/a%2Fb%3Fc%23d%20e/messages ")


async def test_tokens_are_taken_back_with_the_key_itself_and_at_once(transport, server):
    server.says(200, [{"successCount": 1, "failureCount": 0, "results": []}])
    await transport.revoke(["clientId:ana"], 1_700_000_000_000)
    [(line, body)] = server.requests
    assert line.startswith("POST /keys/semtas.local/revokeTokens")
    assert json.loads(body) == {
        "targets": ["clientId:ana"],
        "issuedBefore": 1_700_000_000_000,
        "allowReauthMargin": False,
    }


async def test_tokens_that_were_not_taken_back_are_told(transport, server):
    server.says(200, [{"successCount": 0, "failureCount": 1, "results": []}])
    with pytest.raises(TransportError, match="not all were revoked"):
        await transport.revoke(["clientId:ana"], 1)
    server.answers.clear()
    server.says(401, error(40101, 401))
    with pytest.raises(CredentialsRejected):
        await transport.revoke(["clientId:ana"], 1)
