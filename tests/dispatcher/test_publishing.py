"""The dispatcher's publishing side: rows under way side by side, outcomes settled as they come."""

import asyncio
import contextlib
import functools

import pytest
import stamina

from notificacao.dispatcher import claims, lease, publishing
from notificacao.dispatcher.breaker import Breaker
from notificacao.dispatcher.orchestrator import NotificationOrchestrator
from notificacao.dispatcher.publishing import Publishing
from notificacao.models import BreakerState, Notification, RolloutFlag
from notificacao.rollout import Rollout
from tests.fake_transport import permanent
from tests.rows import write_stamped
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

EVERYBODY = Rollout(RolloutFlag(everyone=True), BreakerState.State.CLOSED, configured=True)
HOT = "private:unit:hot:notifications"


@pytest.fixture(autouse=True)
def no_backoff():
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
async def term(database):
    return await database.run(lease.hold, "test", None)


@pytest.fixture
async def publish(database, transport):
    """The publishing side with its settling at work."""

    async def everybody():
        return EVERYBODY

    breaker = Breaker(clock=lambda: 0.0, state="closed")
    side = Publishing(database, NotificationOrchestrator(transport, breaker, everybody))
    settling = asyncio.create_task(forever(side.settle))
    yield side
    settling.cancel()
    await side.stop()


async def forever(work):
    while True:
        with contextlib.suppress(ZeroDivisionError):
            await work()


def write(*seqs, channel=None):
    for seq in seqs:
        write_stamped(seq, channel or f"private:unit:{seq}:notifications")


def attempted(transport):
    return [envelope.row.seq for envelope in transport.attempted]


def states():
    return dict(Notification.objects.order_by("seq").values_list("seq", "dispatch_state"))


async def settled(database, *seqs):
    async def are():
        found = await database.run(states)
        return all(found[seq] != "pending" for seq in seqs)

    await eventually(are)


async def test_what_was_claimed_is_published_and_settled(publish, database, transport, term):
    await database.run(write, 1, 2, 3)
    assert await publish.take(term, EVERYBODY)
    await settled(database, 1, 2, 3)
    assert await database.run(states) == {1: "published", 2: "published", 3: "published"}
    assert not await publish.take(term, EVERYBODY)


@pytest.mark.slow
async def test_the_first_request_leaves_full_while_later_rows_are_still_to_be_encrypted(
    publish, database, transport, term, settings
):
    settings.ABLY_BATCH = 20
    encrypted, by_then, seal = set(), [], transport.seal

    def count(envelope):
        encrypted.add(envelope.row.seq)
        seal(envelope)

    async def note():
        by_then.append(len(encrypted))

    transport.seal, transport.pause = count, note
    await database.run(lambda: write(*range(1, 101)))
    await publish.take(term, EVERYBODY)
    await settled(database, *range(1, 101))
    assert by_then[0] < 60
    assert transport.requests == [list(range(first, first + 20)) for first in range(1, 101, 20)]


async def test_rows_are_claimed_published_and_settled_while_others_are_still_in_flight(
    publish, database, transport, term
):
    gate = asyncio.Event()
    transport.pause = gate.wait
    await database.run(write, 1)
    await publish.take(term, EVERYBODY)
    await eventually(lambda: transport.requests)
    transport.pause = lambda: asyncio.sleep(0)
    await database.run(write, 2)
    await publish.take(term, EVERYBODY)
    await settled(database, 2)
    assert await database.run(states) == {1: "pending", 2: "published"}
    gate.set()
    await settled(database, 1)


async def test_a_channel_with_a_long_queue_leaves_room_for_the_others(publish, database, transport, term, monkeypatch):
    monkeypatch.setattr(publishing, "PER_CHANNEL", 2)
    monkeypatch.setattr(claims, "BATCH", 3)
    gate = asyncio.Event()
    transport.pause = gate.wait
    await database.run(lambda: write(*range(1, 11), channel=HOT))
    await database.run(write, 11, 12)
    await publish.take(term, EVERYBODY)
    await publish.take(term, EVERYBODY)
    await eventually(lambda: {11, 12} <= set(attempted(transport)))
    assert attempted(transport).count(1) == 1
    publish.claimable.clear()
    gate.set()
    await publish.claimable.wait()

    async def taken_and_published():
        return not await publish.take(term, EVERYBODY) and len(transport.published) >= 12

    await eventually(taken_and_published)
    assert [seq for seq in transport.seqs if seq <= 10] == list(range(1, 11))


async def test_no_more_rows_are_under_way_than_there_is_room_for(publish, database, transport, term, monkeypatch):
    monkeypatch.setattr(publishing, "UNDER_WAY", 2)
    gate = asyncio.Event()
    transport.pause = gate.wait
    await database.run(write, 1, 2, 3)
    assert await publish.take(term, EVERYBODY)
    assert not await publish.take(term, EVERYBODY)
    await eventually(lambda: attempted(transport) == [1, 2])
    gate.set()
    await publish.claimable.wait()
    await eventually(lambda: publish.take(term, EVERYBODY))
    await settled(database, 1, 2, 3)


async def test_an_outcome_that_could_not_be_written_is_written_the_next_time(publish, database, term, monkeypatch):
    faults = [ZeroDivisionError("the disk was full")]

    def settle(outcomes):
        if faults:
            raise faults.pop()
        return real(outcomes)

    real = claims.settle
    monkeypatch.setattr(claims, "settle", settle)
    await database.run(write, 1)
    await publish.take(term, EVERYBODY)
    await settled(database, 1)
    assert faults == []


async def test_a_failed_row_is_settled_beside_the_published_ones(publish, database, transport, term):
    await database.run(write, 1, 2)
    pk = (await database.run(lambda: Notification.objects.get(seq=1))).pk
    transport.faults[pk] = [permanent()]
    await publish.take(term, EVERYBODY)
    await settled(database, 1, 2)
    assert await database.run(states) == {1: "failed", 2: "published"}


async def test_published_rows_wait_to_be_settled_together_until_one_comes_that_a_stream_waits_for(
    publish, database, transport, term, monkeypatch
):
    monkeypatch.setattr(publishing, "_TOGETHER", 60)
    await database.run(write, 1)
    await publish.take(term, EVERYBODY)
    await eventually(lambda: transport.published)
    assert await database.run(states) == {1: "pending"}
    await database.run(write, 2)
    pk = (await database.run(lambda: Notification.objects.get(seq=2))).pk
    transport.faults[pk] = [permanent()]
    await publish.take(term, EVERYBODY)
    await settled(database, 1, 2)


async def test_stopped_it_leaves_what_is_under_way_claimed_and_unsettled(publish, database, transport, term):
    transport.pause = asyncio.Event().wait
    await database.run(write, 1, 2)
    await publish.take(term, EVERYBODY)
    await eventually(lambda: transport.requests)
    await publish.stop()
    assert transport.requests_in_flight == 0
    assert transport.published == []
    assert await database.run(states) == {1: "pending", 2: "pending"}
    assert await database.run(lambda: Notification.objects.filter(lease="").count()) == 0


async def test_rows_that_are_stopped_before_they_begin_leave_their_room_and_their_channel_free(
    publish, database, transport, monkeypatch
):
    monkeypatch.setattr(publishing, "PER_CHANNEL", 2)
    await database.run(functools.partial(write, 1, 2, channel=HOT))
    term = await database.run(lease.hold, "one", None)
    assert await publish.take(term, EVERYBODY)
    await publish.stop()
    await database.run(lease.release, "one")
    term = await database.run(lease.hold, "another", None)
    assert await publish.take(term, EVERYBODY)
    await settled(database, 1, 2)
    assert await database.run(states) == {1: "published", 2: "published"}
