"""Doorbells: any thread may ring, nobody depends on it."""

import asyncio
import gc
import time
import weakref

import pytest
from django.db import transaction

from notificacao import wakes
from notificacao.wakes import Doorbell

SOON = 0.01  # seconds, where nothing is expected
LATE = 10.0  # seconds, where a ring is expected at once


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
    started = time.monotonic()
    rang, _ = await asyncio.gather(doorbell.wait(LATE), asyncio.to_thread(wakes.wake, "test"))
    assert rang
    assert time.monotonic() - started < LATE / 2


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


async def test_a_doorbell_rings_again_after_it_was_answered(doorbell):
    for _ in range(3):
        wakes.wake("test")
        assert await doorbell.wait(LATE)


async def test_without_a_ring_the_wait_ends_with_the_poll(doorbell):
    started = time.monotonic()
    assert not await doorbell.wait(SOON)
    assert SOON / 2 < time.monotonic() - started < LATE / 2


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
        def ring(self):
            raise OSError("the bell fell off the wall")

    broken = Listener("broken", Broken)
    try:
        with transaction.atomic():
            wakes.after_commit("broken")
            wakes.after_commit("test")
    finally:
        broken.close()
    assert listener.rang(), "what was to run after the broken one still ran"
