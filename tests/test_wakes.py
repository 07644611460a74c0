"""Doorbells: any thread may ring, nobody depends on it."""

import asyncio
import gc
import time
import weakref

import pytest
from django.db import transaction

from notificacao import doorbells, wakes
from notificacao.doorbells import Doorbell
from tests.scraped import scrape
from tests.waiting import eventually

SOON = 0.01  # seconds, where nothing is expected
LATE = 60.0  # seconds, where a ring is expected at once


@pytest.fixture
async def doorbell():
    doorbell = Doorbell("test")
    yield doorbell
    doorbell.close()


class Listener:
    """A doorbell for tests that are not async: its loop runs only while one asks."""

    def __init__(self, topic, bell=Doorbell):
        self.loop = asyncio.new_event_loop()
        self.doorbell = self.loop.run_until_complete(self._hang(bell, topic))

    async def _hang(self, bell, topic):
        return bell(topic)

    def rang(self):
        return self.loop.run_until_complete(self.doorbell.wait(SOON))

    def close(self):
        self.doorbell.close()
        self.loop.close()


@pytest.fixture
def listener():
    listener = Listener("test")
    yield listener
    listener.close()


def write_and_roll_back():
    with transaction.atomic():
        wakes.after_commit("test")
        raise ZeroDivisionError


async def test_a_ring_from_another_thread_ends_the_wait(doorbell):
    asyncio.get_running_loop().set_debug(True)  # the loop refuses what is not safe between threads
    rang, _ = await asyncio.gather(doorbell.wait(LATE), asyncio.to_thread(wakes.wake, "test"))
    assert rang


async def test_a_ring_before_the_wait_is_not_lost(doorbell):
    await asyncio.to_thread(wakes.wake, "test")
    assert await doorbell.wait(LATE)


async def test_one_ring_is_answered_once(doorbell):
    wakes.wake("test")
    assert await doorbell.wait(LATE)
    assert not await doorbell.wait(SOON)


async def test_many_rings_before_one_wait_are_one(doorbell):
    for _ in range(100):
        wakes.wake("test")
    assert await doorbell.wait(LATE)
    assert not await doorbell.wait(SOON)


async def test_what_rings_told_is_taken_once_and_in_order(doorbell):
    for told in (b"one", b"another"):
        wakes.wake("test", told)
    assert await doorbell.wait(LATE)
    assert doorbell.taken() == [b"one", b"another"]
    assert doorbell.taken() == []


@pytest.mark.parametrize("told", [[b"one", b"", b"another"], [b"one"] * 17])
async def test_where_one_told_nothing_or_there_are_many_one_has_to_look(doorbell, told):
    for one in told:
        wakes.wake("test", one)
    assert await doorbell.wait(LATE)
    assert doorbell.taken() is None
    assert doorbell.taken() == []


async def test_a_doorbell_rings_again_after_it_was_answered(doorbell):
    for _ in range(3):
        wakes.wake("test")
        assert await doorbell.wait(LATE)


async def test_without_a_ring_the_wait_ends_with_the_poll(doorbell):
    started = time.monotonic()
    assert not await doorbell.wait(SOON)
    assert time.monotonic() - started > SOON / 2


async def test_a_doorbell_hears_only_its_own_topic(doorbell):
    wakes.wake("another")
    assert not await doorbell.wait(SOON)


async def test_every_doorbell_of_a_topic_rings(doorbell):
    other = Doorbell("test")
    try:
        wakes.wake("test")
        assert await doorbell.wait(LATE)
        assert await other.wait(LATE)
    finally:
        other.close()


async def test_a_closed_doorbell_is_silent_and_may_be_closed_twice(doorbell):
    doorbell.close()
    doorbell.close()
    wakes.wake("test")
    assert not await doorbell.wait(SOON)


async def test_a_cancelled_wait_leaves_the_doorbell_usable(doorbell):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON):
            await doorbell.wait(LATE)
    wakes.wake("test")
    assert await doorbell.wait(LATE)


def test_a_doorbell_whose_loop_is_gone_fails_nobody_and_is_forgotten(listener):
    gone = Listener("test")
    gone.loop.close()
    memory = weakref.ref(gone.doorbell)
    del gone
    assert memory() is not None, "until the first ring it is known"
    wakes.wake("test")
    gc.collect()
    assert memory() is None
    assert listener.rang()


def test_waking_a_topic_nobody_listens_to_leaves_the_others_silent(listener):
    wakes.wake("nobody listens")
    assert not listener.rang()


def test_after_commit_rings_once_the_transaction_is_committed_and_not_before(
    db, listener, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        wakes.after_commit("test")
        assert not listener.rang()
    assert listener.rang()


def test_after_commit_does_not_ring_for_what_was_rolled_back(db, listener, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True) as callbacks, pytest.raises(ZeroDivisionError):
        write_and_roll_back()
    assert callbacks == []
    assert not listener.rang()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_after_commit_keeps_to_the_real_transaction(listener):
    with pytest.raises(ZeroDivisionError):
        write_and_roll_back()
    assert not listener.rang()
    with transaction.atomic():
        wakes.after_commit("test")
        assert not listener.rang()
    assert listener.rang()
    wakes.after_commit("test")  # outside of a transaction: at once
    assert listener.rang()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_wake_that_fails_does_not_fail_the_producer(listener):
    class Broken(Doorbell):
        def ring(self, told=b""):
            raise OSError("the bell fell off the wall")

    broken = Listener("broken", Broken)
    try:
        with transaction.atomic():
            wakes.after_commit("broken")
            wakes.after_commit("test")
    finally:
        broken.close()
    assert listener.rang(), "what was to run after the broken one still ran"


@pytest.fixture
def without_wakes(settings):
    settings.WAKES = False


async def test_with_wakes_off_nothing_rings(without_wakes, doorbell):
    wakes.wake("test")
    assert not await doorbell.wait(SOON)


class Layer:
    """A channel layer that others share: keeps what was sent, and fails while it is told to; pulses come back."""

    def __init__(self):
        self.sent = []
        self.messages = []
        self.joined = []
        self.queue = asyncio.Queue()
        self.fails = False
        self.hangs = False
        self.asked = 0

    async def _answer(self):
        self.asked += 1
        if self.fails:
            raise ConnectionError("gone")
        if self.hangs:
            await asyncio.Event().wait()

    async def group_send(self, group, message):
        await self._answer()
        assert group == f"wakes.{message['topic']}"
        if message["topic"].startswith("pulse."):
            self.queue.put_nowait(message)
        else:
            self.sent.append(message["topic"])
            self.messages.append(message)

    async def flush(self):
        await self._answer()

    async def new_channel(self):
        return "ours"

    async def group_add(self, group, channel):
        self.joined.append(group)

    async def receive(self, channel):
        return await self.queue.get()


@pytest.fixture
def layer(settings, monkeypatch):
    layer = Layer()
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "one.that.crosses"}}
    monkeypatch.setattr(wakes, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(wakes, "_BACK_OFF", (0.01, 0.02))
    monkeypatch.setattr(wakes, "_SEND_WITHIN", 0.05)
    yield layer
    wakes._set_relay(None)


@pytest.fixture
async def carrying(layer):
    task = asyncio.create_task(wakes.relay_and_listen(["test"]))
    await eventually(lambda: wakes._relay)
    yield layer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_wake_is_carried_to_other_processes_and_rings_here_too(carrying, doorbell):
    wakes.wake("test")
    assert await doorbell.wait(LATE)
    await eventually(lambda: carrying.sent == ["test"])


async def test_what_a_wake_tells_crosses_with_it(carrying, doorbell):
    for told in (b"one", b"another"):
        wakes.wake("test", told)
    await eventually(lambda: len(carrying.messages) == 2)
    assert [message["told"] for message in carrying.messages] == [b"one", b"another"]
    assert doorbell.taken() == [b"one", b"another"]
    for message in carrying.messages:
        carrying.queue.put_nowait(message | {"origin": "another process"})
    carrying.queue.put_nowait({"type": "wake", "topic": "test", "origin": "of an earlier version"})
    await eventually(lambda: doorbell.taken() is None)


async def test_what_waits_while_nothing_can_be_sent_is_little_and_tells_nothing_in_the_end(carrying):
    carrying.hangs = True
    for number in range(1_000):
        wakes.wake("test", b"%d" % number)
    waiting = list(wakes._relay._waiting)
    assert len(waiting) < 20
    assert waiting[-1] == ("test", b"")
    asked = carrying.asked
    await eventually(lambda: carrying.asked > asked + 2)  # what could not be sent is gone
    carrying.hangs = False
    await eventually(lambda: not wakes._relay._waiting)
    assert carrying.messages[-1]["told"] == b""


@pytest.mark.parametrize("told", [5, [1], "é", None, b"x" * 16_385])
async def test_what_is_no_telling_of_ours_is_a_plain_ring(carrying, doorbell, told):
    carrying.queue.put_nowait({"type": "wake", "topic": "test", "told": told, "origin": "another process"})
    assert await doorbell.wait(LATE)
    assert doorbell.taken() is None


async def test_a_ring_stays_in_this_process(carrying, doorbell):
    doorbells.ring("test")
    assert await doorbell.wait(LATE)
    wakes.wake("another")
    await eventually(lambda: carrying.sent)
    assert carrying.sent == ["another"]


async def test_wakes_of_many_threads_leave_as_few_messages_and_the_last_one_is_not_lost(carrying):
    await asyncio.gather(*(asyncio.to_thread(wakes.wake, "test") for _ in range(200)))
    sent = len(carrying.sent)
    assert sent < 50
    wakes.wake("test")
    await eventually(lambda: len(carrying.sent) > sent)


async def test_what_another_process_sends_rings_and_what_came_from_here_does_not(carrying, doorbell):
    carrying.queue.put_nowait({"topic": "test", "origin": wakes._relay._origin})
    assert not await doorbell.wait(SOON)
    carrying.queue.put_nowait({"topic": "test", "origin": "elsewhere"})
    assert await doorbell.wait(LATE)


async def test_only_what_is_listened_to_is_received(carrying):
    await eventually(lambda: carrying.joined)
    assert [group for group in carrying.joined if not group.startswith("wakes.pulse.")] == ["wakes.test"]


async def test_the_relay_tells_when_a_wake_went_out_and_came_back(layer, monkeypatch):
    monkeypatch.setattr(wakes, "PULSE_EVERY", 0.01)
    assert wakes.age() is None
    came_back = (await asyncio.to_thread(scrape))("wake_seconds_count")
    task = asyncio.create_task(wakes.relay_and_listen(["test"]))
    await eventually(lambda: wakes.age() is not None)
    assert (await asyncio.to_thread(scrape))("wake_seconds_count") > came_back
    assert (await asyncio.to_thread(scrape))("redis_up") == 1
    layer.fails = True
    await eventually(lambda: wakes.age() > 0.5)
    assert (await asyncio.to_thread(scrape))("redis_up") == 0
    layer.fails = False
    await eventually(lambda: wakes.age() < 0.5)
    assert (await asyncio.to_thread(scrape))("redis_up") == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
async def test_a_layer_that_is_gone_costs_the_waker_nothing_and_is_used_again_when_it_is_back(carrying, trouble):
    setattr(carrying, trouble, True)
    started = time.monotonic()
    for _ in range(1_000):
        wakes.wake("test")
    assert time.monotonic() - started < LATE  # to wait for each would take as long as a layer that hangs does
    setattr(carrying, trouble, False)

    def wakes_cross():
        wakes.wake("test")
        return carrying.sent

    await eventually(wakes_cross)


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
async def test_a_layer_that_is_of_no_use_at_the_start_is_listened_to_when_it_is(layer, doorbell, monkeypatch, trouble):
    monkeypatch.setattr(wakes, "_SUBSCRIBE_WITHIN", 0.05)
    setattr(layer, trouble, True)
    task = asyncio.create_task(wakes.relay_and_listen(["test"]))
    await eventually(lambda: layer.asked)
    setattr(layer, trouble, False)
    layer.queue.put_nowait({"topic": "test", "origin": "elsewhere"})
    assert await doorbell.wait(LATE)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class SwallowingLayer(Layer):
    """It waits as redis-py does, under `asyncio.wait_for`: Python 3.11 drops a cancellation as that ends."""

    def __init__(self):
        super().__init__()
        self.may_answer = asyncio.Event()

    async def _answer(self):
        self.asked += 1
        await asyncio.wait_for(self.may_answer.wait(), LATE)


@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize("doing", ["listen", "send"])
async def test_a_relay_ends_though_its_layer_swallows_the_word(layer, monkeypatch, doing, moment):
    swallowing = SwallowingLayer()
    monkeypatch.setattr(wakes, "get_channel_layer", lambda: swallowing)
    relay = wakes.WakeRelay(asyncio.get_running_loop())
    if doing == "send":
        relay.add("test")
    task = asyncio.create_task(relay.send() if doing == "send" else relay.listen(["test"]))
    await eventually(lambda: swallowing.asked)
    swallowing.may_answer.set()
    for _ in range(moment):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=LATE)
    ended = task.done()
    task.cancel()
    await asyncio.wait([task])
    assert ended


def test_a_script_without_a_loop_is_heard_by_others(layer):
    wakes.wake("test")
    deadline = time.monotonic() + LATE
    while not layer.sent:
        assert time.monotonic() < deadline
    assert layer.sent == ["test"]


def test_a_script_that_ends_gives_its_last_wake_a_moment(layer):
    wakes.wake("test")
    wakes._relay.flush()
    assert layer.sent == ["test"]


def test_a_loop_that_was_closed_meanwhile_fails_nobody(layer):
    loop = asyncio.new_event_loop()
    wakes._set_relay(wakes.WakeRelay(loop))
    loop.close()
    wakes.wake("test")
    wakes.wake("test")
    wakes._relay.flush()
    assert layer.sent == ["test"]
