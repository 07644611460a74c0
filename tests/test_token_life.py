"""The life of a token, with npm's SDK and the local server: given, renewed without a gap, taken back."""

import contextlib
import time
import uuid
from functools import partial

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from notificacao import audiences
from notificacao.api.session import describe
from notificacao.models import AuditEvent, BreakerState, Channel, Membership, Notification, Revocation, RolloutFlag
from notificacao.transports import Envelope
from notificacao.transports.ably import AblyTransport
from tests.asgi import in_database, log_in
from tests.live.listener import listening
from tests.revoking import revoking
from tests.stamping import number_changes
from tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

TTL = 3  # seconds: less than any setting may be


@pytest.fixture
def house(settings, transactional_db, ably_server):
    """The settings of a house whose people are all on the local server. What threads read is set before they start."""
    settings.ABLY_ENDPOINT, settings.ABLY_PORT, settings.ABLY_TLS = "127.0.0.1", ably_server.port, False
    settings.ABLY_API_KEY = ably_server.key
    settings.ABLY_TOKEN_TTL = 900
    settings.DISPATCH_POLL = 0.05
    RolloutFlag.objects.update(everyone=True)
    BreakerState.objects.update(state="closed")
    return settings


@pytest.fixture
async def transport(house):
    transport = AblyTransport()
    yield transport
    await transport.close()


@pytest.fixture
def own(ana):
    return audiences.channel_for_user(ana)


@pytest.fixture
def unit(cras_norte):
    return audiences.channel_for_unit(cras_norte)


@pytest.fixture
def listen_as(house, live_server, ably_server):
    """`listen_as(person, *channels)`: one login of theirs that listens; its session's key, and what it sees."""

    @contextlib.asynccontextmanager
    async def listen(person, *channels):
        session = await in_database(log_in, person)
        told = await in_database(partial(describe, person, session, can_verify=True))
        wanted = [channel.model_dump() for channel in told.channels if channel.name in channels]
        async with listening(live_server.url, session, ably_server.port, wanted) as listener:
            yield session, listener

    return listen


async def publish(transport, channel, seq):
    row = Notification(
        channel=channel, seq=seq, prev_seq=seq - 1, title=f"n.º {seq}", message="m", created_at=timezone.now()
    )
    key_epochs = await in_database(lambda: list(Channel.objects.filter(pk=channel).values_list("key_epoch", flat=True)))
    await transport.publish([Envelope(row, "e1", *(key_epochs or [1]))])


@pytest.mark.endurance
async def test_over_three_expiries_the_sdk_renews_its_token_and_misses_nothing(house, listen_as, transport, ana, own):
    house.ABLY_TOKEN_TTL = TTL
    async with listen_as(ana, own) as (_, listener):
        began, seq = time.monotonic(), 0
        while len(listener.of("token")) < 5:  # the first, and one for each of more than three expiries
            seq += 1
            await publish(transport, own, seq)
            assert time.monotonic() - began < PATIENCE, listener.events
            await eventually(lambda seq=seq: len(listener.seqs) == seq)
    assert listener.seqs == list(range(1, seq + 1))
    assert {event["status"] for event in listener.of("token")} == {200}
    assert {state for state, _ in listener.connection} <= {"connecting", "connected", "disconnected"}
    assert {code for state, code in listener.connection if state == "disconnected"} <= {40142}
    reattached = [e for e in listener.of("channel") if e["state"] == "attached"][1:]
    assert all(event["resumed"] for event in reattached)


async def test_a_logout_takes_the_tokens_of_that_login_and_leaves_the_other_one_connected(
    house, listen_as, transport, ana, own
):
    async with (
        revoking(transport),
        listen_as(ana, own) as (session, here),
        listen_as(ana, own) as (_, there),
    ):
        await in_database(lambda: Session.objects.get(pk=session).delete())
        await eventually(lambda: ("disconnected", 40141) in here.connection)
        await eventually(lambda: here.of("token")[-1]["status"] == 401)
        await publish(transport, own, 1)
        await eventually(lambda: there.seqs)
        assert here.seqs == []
        assert "disconnected" not in dict(there.connection)


async def test_who_is_made_inactive_is_disconnected_everywhere_and_gets_no_other_token(
    house, listen_as, transport, ana, own
):
    def deactivate():
        ana.is_active = False
        ana.save()

    async with (
        revoking(transport),
        listen_as(ana, own) as (_, here),
        listen_as(ana, own) as (_, there),
    ):
        await in_database(deactivate)
        for listener in (here, there):
            await eventually(lambda listener=listener: ("disconnected", 40141) in listener.connection)
            await eventually(lambda listener=listener: listener.of("token")[-1]["status"] == 401)


async def test_who_leaves_a_unit_is_cut_off_from_it_at_once_and_goes_on_with_the_rest(
    listen_as, transport, ana, own, unit
):
    async with revoking(transport), listen_as(ana, own, unit) as (_, listener):
        await in_database(lambda: Membership.objects.get(person=ana).delete())
        await eventually(lambda: listener.state_of(unit) == "failed")
        await eventually(lambda: listener.state_of(own) == "attached" and listener.connection[-1][0] == "connected")
        await publish(transport, unit, 1)
        await publish(transport, own, 1)
        await eventually(lambda: listener.seqs)
    assert ("disconnected", 40141) in listener.connection
    assert [event["channel"] for event in listener.of("row")] == [own]
    codes = {e["code"] for e in listener.of("channel") if e["channel"] == unit and e["state"] == "failed"}
    assert codes == {40160}
    assert [event["status"] for event in listener.of("token")] == [200, 200], "the second one is not revoked again"


async def test_with_a_key_that_cannot_revoke_the_channel_ends_with_the_token(house, listen_as, transport, ana, unit):
    house.ABLY_KEY_REVOCABLE = False
    house.ABLY_TOKEN_TTL = TTL
    async with listen_as(ana, unit) as (_, listener):
        await in_database(lambda: Membership.objects.get(person=ana).delete())
        await in_database(number_changes)
        assert await in_database(Revocation.objects.count) == 0
        await publish(transport, unit, 1)
        await eventually(lambda: listener.state_of(unit) == "failed")
    assert listener.seqs == [], "what still came was encrypted with a key that ana never had"


async def test_what_ably_could_not_be_told_while_it_was_away_it_is_told_when_it_is_back(
    house, transport, ana, ably_server
):
    with contextlib.ExitStack() as stack:
        house.ABLY_PORT = 9  # nobody listens there
        away = AblyTransport()
        stack.callback(lambda: setattr(house, "ABLY_PORT", ably_server.port))
        await in_database(lambda: Membership.objects.get(person=ana).delete())
        async with revoking(away):
            row = await eventually(lambda: in_database(Revocation.objects.filter(attempts__gte=1).first))
        await away.close()
    assert row.done_at is None
    await in_database(lambda: Revocation.objects.update(try_at=row.created_at))
    async with revoking(transport):
        await eventually(lambda: in_database(Revocation.objects.filter(done_at__isnull=False).exists))
    assert await in_database(AuditEvent.objects.filter(action="tokens_revoked", who=ana.public_id).exists)


async def test_ably_is_asked_for_a_hundred_targets_in_one_call(transport):
    targets = [f"clientId:{uuid.uuid4().hex}" for _ in range(100)]
    await transport.revoke(targets, int(time.time() * 1000))
