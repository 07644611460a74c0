"""The sender: what leaves when, with whom, and what the breaker hears of it."""

import asyncio
import time

import pytest
import structlog
from prometheus_client import REGISTRY

from notificacao.dispatcher import sender as module
from notificacao.dispatcher.breaker import Breaker
from notificacao.dispatcher.sender import Sender
from notificacao.models import Notification
from notificacao.transports import CredentialsRejected, Envelope, Sealed, TooFast, TransportError
from tests.fake_transport import FakeTransport, permanent, transient
from tests.waiting import PATIENCE, eventually


class Turned(Exception):
    """What `look` has against an envelope."""


@pytest.fixture
def transport():
    return FakeTransport()


@pytest.fixture
def breaker():
    return Breaker(clock=time.monotonic, state="closed", minimum=1, threshold=1.0, slow_threshold=1.0)


@pytest.fixture
def against():
    """Channel → what is against it."""
    return {}


@pytest.fixture
def sender(transport, breaker, against):
    async def look():
        return lambda envelope: against.get(envelope.row.channel)

    return Sender(transport, breaker, look)


def envelope(seq, channel=None, size=100):
    row = Notification(pk=seq, seq=seq, prev_seq=0, channel=channel or f"private:user:{seq}:notifications")
    return Envelope(row, "e90c", 1, sealed=Sealed("{}", size))


def publish(sender, *seqs, **fields):
    """Start publishing each; the tasks."""
    return [asyncio.create_task(sender.publish(envelope(seq, **fields))) for seq in seqs]


@pytest.fixture
def gate(transport):
    """While it is closed, requests stay in flight."""
    gate = asyncio.Event()
    transport.pause = gate.wait
    return gate


async def test_what_comes_in_the_same_moment_leaves_in_one_request(sender, transport):
    await asyncio.gather(*publish(sender, 1, 2, 3))
    assert transport.requests == [[1, 2, 3]]


async def test_what_comes_turn_by_turn_leaves_together_and_waits_no_longer_than_for_a_full_request(
    sender, transport, settings
):
    settings.ABLY_BATCH = 4
    rows = []
    for seq in range(1, 7):
        rows += publish(sender, seq)
        await asyncio.sleep(0)
    await asyncio.gather(*rows)
    assert transport.requests == [[1, 2, 3, 4], [5, 6]]


async def test_what_comes_alone_leaves_at_once_and_alone(sender, transport):
    await sender.publish(envelope(1))
    await sender.publish(envelope(2))
    assert transport.requests == [[1], [2]]


async def test_a_request_carries_no_more_than_the_setting_allows(sender, transport, settings):
    settings.ABLY_BATCH = 2
    await asyncio.gather(*publish(sender, 1, 2, 3, 4, 5))
    assert transport.requests == [[1, 2], [3, 4], [5]]


async def test_heavy_messages_are_spread_over_requests(sender, transport, monkeypatch):
    monkeypatch.setattr(module, "_HEAVIEST", 250)
    await asyncio.gather(*publish(sender, 1, 2, 3, size=120))
    assert transport.requests == [[1, 2], [3]]


async def test_there_are_never_more_requests_in_flight_than_the_setting_allows(transport, breaker, settings):
    settings.ABLY_IN_FLIGHT, settings.ABLY_BATCH = 3, 1

    async def look():
        return lambda _: None

    gate = asyncio.Event()
    transport.pause = gate.wait
    rows = publish(Sender(transport, breaker, look), *range(1, 20))
    await eventually(lambda: transport.requests_in_flight == 3)
    gate.set()
    await asyncio.gather(*rows)
    assert transport.most_in_flight == 3
    assert sorted(transport.seqs) == list(range(1, 20))


async def test_a_slow_request_does_not_hold_up_the_others(sender, transport, gate):
    [slow] = publish(sender, 1)
    await eventually(lambda: transport.requests)
    transport.pause = lambda: asyncio.sleep(0)
    await asyncio.gather(*publish(sender, 2, 3))
    assert not slow.done()
    gate.set()
    await slow
    assert transport.seqs == [2, 3, 1]


@pytest.fixture
def one_slot(settings):
    settings.ABLY_IN_FLIGHT = 1


@pytest.mark.usefixtures("one_slot")
async def test_what_waits_for_a_slot_is_turned_away_while_the_slot_is_still_taken(
    sender, transport, gate, against, monkeypatch
):
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)
    [in_flight] = publish(sender, 1)
    await eventually(lambda: transport.requests)
    [waiting] = publish(sender, 2)
    against["private:user:2:notifications"] = Turned("the flag is off")
    with pytest.raises(Turned):
        await asyncio.wait_for(waiting, PATIENCE)
    assert not in_flight.done()
    gate.set()
    await in_flight
    assert transport.seqs == [1]


async def test_what_is_turned_away_at_its_departure_gives_its_slot_back(sender, transport, against, settings):
    against["private:user:1:notifications"] = Turned()
    for _ in range(2 * settings.ABLY_IN_FLIGHT):
        with pytest.raises(Turned):
            await sender.publish(envelope(1))
    await sender.publish(envelope(2))
    assert transport.seqs == [2]


async def test_each_learns_of_its_own_fault_and_of_no_other(sender, transport):
    transport.faults[2] = [permanent("40009: too large")]
    first, second, third = publish(sender, 1, 2, 3)
    await asyncio.gather(first, third)
    with pytest.raises(TransportError, match="40009"):
        await second


async def test_a_request_that_fails_is_one_failure_however_many_rows_it_carried(transport, settings):
    settings.ABLY_BATCH = 100
    breaker = Breaker(clock=time.monotonic, state="closed", minimum=2, threshold=1.0)

    async def look():
        return lambda _: None

    sender = Sender(transport, breaker, look)
    transport.ill = transient("503: away")
    outcomes = await asyncio.gather(*publish(sender, *range(1, 51)), return_exceptions=True)
    assert {str(outcome) for outcome in outcomes} == {"503: away"}
    assert breaker.state == "closed"
    await asyncio.gather(*publish(sender, 1), return_exceptions=True)
    assert breaker.state == "open"


async def test_a_message_that_is_at_fault_itself_says_nothing_of_the_other_side(sender, transport, breaker):
    transport.faults[1] = [permanent()]
    await asyncio.gather(*publish(sender, 1), return_exceptions=True)
    assert not breaker._outcomes


async def test_a_request_that_goes_well_is_heard_as_a_success(sender, breaker):
    await sender.publish(envelope(1))
    assert [what for _, what in breaker._outcomes] == ["good"]


async def test_a_request_is_slow_while_it_is_still_in_flight_and_no_success_afterwards(
    sender, transport, breaker, gate, settings
):
    settings.ABLY_SLOW_AFTER = 0.05
    [slow] = publish(sender, 1)
    await eventually(lambda: breaker.state == "open")
    assert breaker.reason == ("o Ably levou mais de 0.05 s", "slower than 0.05 s")
    assert not slow.done()
    gate.set()
    await slow
    assert breaker.state == "open"


async def test_a_moment_in_which_this_process_stood_still_is_not_the_other_sides(
    sender, transport, breaker, settings, gate
):
    settings.ABLY_SLOW_AFTER = 0.05
    [sent] = publish(sender, 1)
    await eventually(lambda: transport.requests)
    asyncio.get_running_loop().call_soon(lambda: (spend(0.1), gate.set()))
    await sent
    assert breaker.state == "closed"


def spend(seconds):
    """Block the event loop."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


async def test_a_refused_key_opens_the_breaker_with_that_reason(sender, transport, breaker):
    transport.ill = CredentialsRejected("40101: invalid credential", "o Ably recusou a chave")
    await asyncio.gather(*publish(sender, 1), return_exceptions=True)
    assert (breaker.state, breaker.reason) == ("open", ("o Ably recusou a chave", "40101: invalid credential"))


async def test_too_fast_makes_everybody_wait_as_long_as_is_asked_for(sender, transport):
    transport.faults[1] = [TooFast("42910: too fast", "devagar", retry_after=0.3)]
    began = time.monotonic()
    with pytest.raises(TooFast):
        await sender.publish(envelope(1))
    await asyncio.gather(*publish(sender, 2, 3))
    assert time.monotonic() - began >= 0.29
    assert transport.requests == [[1], [2, 3]]


async def test_too_fast_once_leaves_the_breaker_closed_and_again_and_again_opens_it(transport):
    breaker = Breaker(clock=time.monotonic, state="closed")

    async def look():
        return lambda _: None

    sender = Sender(transport, breaker, look)
    transport.faults[1] = [TooFast("42910: too fast", "devagar", retry_after=0)] * 5
    for attempt in range(1, 6):
        with pytest.raises(TooFast):
            await sender.publish(envelope(1))
        assert breaker.state == ("open" if attempt == 5 else "closed")


async def test_a_look_that_fails_fails_those_who_wait_and_the_next_ones_are_looked_at_again(transport, breaker):
    faults = [ConnectionError("the database is away")]

    async def look():
        if faults:
            raise faults.pop()
        return lambda _: None

    sender = Sender(transport, breaker, look)
    with pytest.raises(ConnectionError):
        await sender.publish(envelope(1))
    await sender.publish(envelope(2))
    assert transport.seqs == [2]


async def test_looks_that_fail_take_no_slot_however_many_there_are(transport, breaker, settings):
    faults = [ConnectionError("the database is away")] * 2 * settings.ABLY_IN_FLIGHT

    async def look():
        if faults:
            raise faults.pop()
        return lambda _: None

    sender = Sender(transport, breaker, look)
    for seq in range(len(faults)):
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(sender.publish(envelope(seq)), PATIENCE)
    await asyncio.wait_for(sender.publish(envelope(99)), PATIENCE)
    assert transport.seqs == [99]


async def test_stopped_while_it_looks_it_keeps_no_slot(transport, breaker, settings):
    looking, away = asyncio.Event(), True

    async def look():
        looking.set()
        if away:
            await asyncio.Event().wait()
        return lambda _: None

    sender = Sender(transport, breaker, look)
    for seq in range(2 * settings.ABLY_IN_FLIGHT):
        [lost] = publish(sender, seq)
        await asyncio.wait_for(looking.wait(), PATIENCE)
        looking.clear()
        sender.stop()
        await asyncio.wait([lost], timeout=PATIENCE)
        assert lost.cancelled(), "whoever waited is told that nothing leaves any more"
    away = False
    await asyncio.wait_for(sender.publish(envelope(99)), PATIENCE)
    assert transport.seqs == [99]


async def test_stopped_before_a_request_has_begun_it_keeps_no_slot(transport, breaker, settings):
    stops = 2 * settings.ABLY_IN_FLIGHT

    async def look():
        if stops:
            asyncio.get_running_loop().call_soon(sender.stop)  # before the first step of the request's task
        return lambda _: None

    sender = Sender(transport, breaker, look)
    while stops:
        [lost] = publish(sender, stops)
        await asyncio.wait([lost], timeout=PATIENCE)
        assert lost.cancelled(), "whoever waited is told that nothing leaves any more"
        stops -= 1
    await asyncio.wait_for(sender.publish(envelope(99)), PATIENCE)
    assert transport.seqs == [99]


async def test_a_request_that_falls_over_frees_its_slot_and_tells_whoever_waits(
    sender, transport, monkeypatch, one_slot
):
    monkeypatch.setattr(sender, "_judge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(sender.publish(envelope(1)), PATIENCE)
    monkeypatch.undo()
    await asyncio.wait_for(sender.publish(envelope(2)), PATIENCE)
    assert transport.seqs == [1, 2]


async def test_what_comes_in_the_moment_of_a_stop_leaves_all_the_same(sender, transport):
    [before] = publish(sender, 1)
    await asyncio.sleep(0)
    sender.stop()
    async with asyncio.timeout(PATIENCE):  # in this task: another would begin a moment later
        await sender.publish(envelope(2))
    assert transport.seqs == [2]
    assert before.cancelled()


async def test_stopped_it_publishes_nothing_of_what_waited_and_takes_new_rows(sender, transport, gate):
    [cancelled] = publish(sender, 1)
    await eventually(lambda: transport.requests)
    cancelled.cancel()
    sender.stop()
    await asyncio.gather(cancelled, return_exceptions=True)
    gate.set()
    await sender.publish(envelope(2))
    assert transport.seqs == [2]


async def test_a_row_whose_caller_is_gone_does_not_leave(sender, transport):
    gone, stays = publish(sender, 1, 2)
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert transport.seqs == [2]


async def test_a_sender_from_which_nothing_leaves_though_rows_wait_says_so_once_and_opens_the_breaker(
    transport, breaker, monkeypatch
):
    monkeypatch.setattr(module, "_STANDSTILL", -5.0)  # with ABLY_PUBLISH_TIMEOUT: from the first moment

    async def look():
        await asyncio.Event().wait()

    sender = Sender(transport, breaker, look)
    sender.report_standstill()
    assert (breaker.state, standstill()) == ("closed", 0.0), "nothing waits"
    [waiting] = publish(sender, 1)
    with structlog.testing.capture_logs() as logs:
        await eventually(lambda: sender.report_standstill() or breaker.state == "open")
        sender.report_standstill()
    assert standstill() > 0
    assert [(line["event"], line["rows"]) for line in logs] == [("publishing_stands_still", 1)]
    assert "nada sai para o Ably" in breaker.reason.staff
    waiting.cancel()
    sender.stop()
    sender.report_standstill()
    assert standstill() == 0


def standstill():
    return REGISTRY.get_sample_value("notificacao_publish_standstill_seconds")


async def test_requests_that_leave_are_no_standstill(sender, transport, breaker, gate):
    publish(sender, 1)
    await eventually(lambda: transport.requests)
    sender.report_standstill()
    assert (breaker.state, standstill()) == ("closed", 0.0)
    gate.set()
