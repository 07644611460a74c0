"""What Ably's servers see of a notification, and who can still read it after a change of keys."""

import base64
import contextlib
import json
import re
import uuid
from functools import partial

import httpx
import pytest
from django.utils import timezone

from notificacao import audiences, signing, wire
from notificacao.api.session import describe
from notificacao.catalogue.notices import Matter, notice_for
from notificacao.models import BreakerState, Notification, RolloutFlag
from notificacao.services import notify_many
from notificacao.transports import Envelope
from notificacao.transports.ably import AblyTransport
from tests.asgi import in_database, log_in
from tests.live.ably_server import KEY_NAME, SECRET
from tests.live.listener import listening
from tests.live.wiretap import wiretap
from tests.stamping import renew_keys, stamp_all
from tests.waiting import eventually

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

PROTOCOL = "SOL-2026-00017"


@pytest.fixture
def house(settings, ably_server):
    settings.ABLY_ENDPOINT, settings.ABLY_TLS, settings.ABLY_PORT = "127.0.0.1", False, ably_server.port
    settings.ABLY_API_KEY = ably_server.key
    return settings


@pytest.fixture
async def rows(transactional_db, ana, cras_norte, aluguel_social):
    """Some of each kind of text that a request brings about, stamped."""
    people = {"tecnico": ana, "liberador": ana, "requester": ana}
    return await in_database(
        stamped, Matter(protocol=PROTOCOL, unit=cras_norte, benefit=aluguel_social, days_left=3, **people)
    )


def stamped(matter):
    names = ["solicitacao.criada", "solicitacao.atribuida", "solicitacao.prazo_proximo", "pagamento.liberado"]
    notify_many([notice_for(name, matter) for name in names])
    stamp_all()
    return list(Notification.objects.order_by("seq"))


def secrets_of(row):
    """Whatever of `row` is nobody's business, in each way in which text crosses a wire."""
    texts = {row.title, row.message, row.link, PROTOCOL, row.data["event"], row.kind}
    for text in texts:
        yield text.encode()
        yield json.dumps(text).strip('"').encode()
        for shift in range(3):  # what base64 makes of it wherever it begins
            yield base64.b64encode(b"\0" * shift + text.encode())[4 if shift else 0 : -4]


_PLAIN_BASE64 = bytes.maketrans(b"-_", b"+/")


def in_the_clear(traffic: bytes) -> bytes:
    """The traffic, and whatever in it is base64, decoded."""
    runs = re.findall(rb"(?:[A-Za-z0-9+/_-]{4}){4,}", traffic)
    return traffic + b"\n".join(base64.b64decode(run.translate(_PLAIN_BASE64)) for run in runs)


def held_by(server, channel):
    """The messages of `channel` as the server has them."""
    answer = httpx.get(f"{server.url}/channels/{channel}/messages", auth=(KEY_NAME, SECRET), params={"limit": 1000})
    answer.raise_for_status()
    return answer.json()


async def publish_through(port, house, rows, key_epoch=1):
    house.ABLY_PORT = port
    transport = AblyTransport()
    for row in rows:
        await transport.publish([Envelope(row, "e1", key_epoch)])
    await transport.close()


@pytest.mark.parametrize("payload", ["encrypted", "reference"])
async def test_no_title_no_message_no_protocol_number_crosses_the_wire_or_lies_at_ably(
    house, rows, ably_server, payload
):
    house.ABLY_PAYLOAD = payload
    assert len(rows) >= 5
    async with wiretap(ably_server.port) as tap:
        await publish_through(tap.port, house, rows)
    held = json.dumps([held_by(ably_server, channel) for channel in {row.channel for row in rows}], ensure_ascii=False)
    for seen in (in_the_clear(tap.everything), in_the_clear(held.encode())):
        assert all(str(row.public_id).encode() in seen for row in rows), "the wire was tapped indeed"
        for row in rows:
            assert [secret for secret in secrets_of(row) if len(secret) > 6 and secret in seen] == []


async def test_in_the_clear_the_tap_would_have_found_them(rows, ably_server):
    """The test above is worth something only if this one passes."""
    async with wiretap(ably_server.port) as tap, httpx.AsyncClient() as client:
        body = {"name": "notification", "data": wire.encode(rows[0]), "encoding": "json"}
        url = f"http://127.0.0.1:{tap.port}/channels/{uuid.uuid4().hex}/messages"
        await client.post(url, json=body, auth=(KEY_NAME, SECRET))
    found = [secret for secret in secrets_of(rows[0]) if secret in in_the_clear(tap.everything)]
    assert rows[0].title.encode() in found


async def test_a_reference_is_no_more_than_an_id_and_a_place_and_that_is_signed(house, ana, ably_server):
    house.ABLY_PAYLOAD = "reference"
    row = Notification(
        channel=audiences.channel_for_user(ana), seq=7, prev_seq=3, title="t", message="m", created_at=timezone.now()
    )
    await publish_through(ably_server.port, house, [row])
    [message] = held_by(ably_server, row.channel)
    headers, ciphertext = message["extras"]["headers"], base64.b64decode(message["data"])
    assert len(ciphertext) <= 96, "an id and a seq, encrypted"
    assert headers.items() > {"seq": 7, "prev_seq": 3, "epoch": "e1", "key_epoch": 1}.items()
    assert signing.verified(row.channel, message["id"], headers, ciphertext)


# --- A change of keys


@pytest.fixture
def page(house, transactional_db, live_server, ana, ably_server):
    """A page of ana's, listening on her own channel; she is the one who reads what is published on it."""
    RolloutFlag.objects.update(everyone=True)
    BreakerState.objects.update(state="closed")

    @contextlib.asynccontextmanager
    async def open_page():
        session = await in_database(log_in, ana)
        async with listening(live_server.url, session, ably_server.port, await own_of(ana)) as listener:
            yield listener

    return open_page


async def own_of(person):
    """Their own channel, as the session tells of it now."""
    own = audiences.channel_for_user(person)
    session = await in_database(log_in, person)
    told = await in_database(partial(describe, can_verify=True), person, session)
    return [channel.model_dump() for channel in told.channels if channel.name == own]


async def send(house, server, person, seq, key_epoch):
    row = Notification(
        channel=audiences.channel_for_user(person),
        seq=seq,
        prev_seq=seq - 1,
        title="t",
        message="m",
        created_at=timezone.now(),
    )
    await publish_through(server.port, house, [row], key_epoch)


async def test_a_message_of_the_old_key_is_read_by_a_page_that_has_the_new_one(house, page, ana, ably_server):
    async with page() as listener:
        await send(house, ably_server, ana, 1, key_epoch=1)
        await eventually(lambda: listener.seqs == [1])
        await in_database(renew_keys, audiences.channel_for_user(ana))
        await listener.is_given(await own_of(ana))
        for seq, key_epoch in ((2, 1), (3, 2), (4, 1)):
            await send(house, ably_server, ana, seq, key_epoch)
        await eventually(lambda: len(listener.seqs) == 4)
    assert sorted(listener.seqs) == [1, 2, 3, 4]
    assert listener.of("stale") == listener.of("hint") == []


async def test_a_page_that_opens_after_the_renewal_reads_what_is_still_under_way(house, page, ana, ably_server):
    await in_database(renew_keys, audiences.channel_for_user(ana))
    async with page() as listener:
        await send(house, ably_server, ana, 1, key_epoch=1)
        await send(house, ably_server, ana, 2, key_epoch=2)
        await eventually(lambda: sorted(listener.seqs) == [1, 2])


async def test_a_page_that_was_not_told_of_the_new_key_learns_what_it_lacks_and_reads_on_with_it(
    house, page, ana, ably_server
):
    async with page() as listener:
        await in_database(renew_keys, audiences.channel_for_user(ana))
        await send(house, ably_server, ana, 1, key_epoch=2)
        await eventually(lambda: listener.of("hint"))
        assert listener.of("stale")
        assert listener.of("hint") == [
            {"kind": "hint", "channel": audiences.channel_for_user(ana), "seq": 1, "epoch": "e1"}
        ]
        await listener.is_given(await own_of(ana))
        await send(house, ably_server, ana, 2, key_epoch=2)
        await eventually(lambda: listener.seqs == [2])


async def test_while_the_master_secret_is_changed_pages_of_either_secret_read_messages_of_either(
    house, page, ana, ably_server
):
    """First a dispatcher of the old secret and a page of the new one, then the other way round."""
    old, new = "o-segredo-de-ontem-com-32-letras", "o-segredo-de-hoje-com-32-letras-"
    house.ENCRYPTION_SECRET = old
    async with page() as before:
        house.ENCRYPTION_SECRET, house.ENCRYPTION_SECRET_FALLBACKS = new, [old]
        async with page() as after:
            house.ENCRYPTION_SECRET = old
            await send(house, ably_server, ana, 1, key_epoch=1)
            await eventually(lambda: before.seqs == after.seqs == [1])
            house.ENCRYPTION_SECRET = new
            await send(house, ably_server, ana, 2, key_epoch=1)
            await eventually(lambda: after.seqs == [1, 2] and before.of("stale"))
            await before.is_given(await own_of(ana))
            await send(house, ably_server, ana, 3, key_epoch=1)
            await eventually(lambda: before.seqs == [1, 3] and after.seqs == [1, 2, 3])
    assert [hint["seq"] for hint in before.of("hint")] == [2]


async def test_of_a_reference_a_page_learns_where_the_row_lies(house, page, ana, ably_server):
    house.ABLY_PAYLOAD = "reference"
    async with page() as listener:
        await send(house, ably_server, ana, 1, key_epoch=1)
        await eventually(lambda: listener.of("hint"))
    assert [hint["seq"] for hint in listener.of("hint")] == [1]
    assert listener.seqs == listener.of("stale") == []


async def test_a_page_learns_from_its_session_who_signs_by_now(house, page, ana, ably_server):
    """The key was changed in one step, against the documents: what comes meanwhile is not believed, and not lost."""
    async with page() as listener:
        house.SIGNING_KEYS = [base64.b64encode(bytes([7]) * 32).decode()]
        await send(house, ably_server, ana, 1, key_epoch=1)
        await eventually(lambda: listener.of("doubt") and listener.of("stale"))
        await listener.is_given(await own_of(ana))
        await send(house, ably_server, ana, 2, key_epoch=1)
        await eventually(lambda: listener.seqs == [2])
    assert listener.of("doubt") == [{"kind": "doubt", "doubt": "unknown_key"}]
