"""Wakes: hints that something in the database changed. Nothing depends on one; each only spares a poll's wait.

A doorbell rings within its own process, from any thread. Between processes a relay takes the hint over the channel
layer: never waited for by whoever wakes, many wakes as one message, at most once.
"""

import asyncio
import atexit
import contextlib
import os
import threading
import uuid
from collections.abc import Collection

import structlog
from channels.layers import get_channel_layer
from django.db import transaction

from notificacao.conf import conf

logger = structlog.get_logger(__name__)

DISPATCHER = "dispatcher"
HUBS = "hubs"
REVOCATIONS = "revocations"
FOR_DISPATCHERS = (DISPATCHER, REVOCATIONS)

_TOGETHER = 0.003  # seconds: the first wake leaves at once, what follows within this time leaves as one message
_SEND_WITHIN = 1.0  # seconds
_FLUSH_WITHIN = 0.3  # seconds that a process which ends may wait for its last wake
_BACK_OFF = (0.25, 5.0)  # seconds, the first and the longest


def _group(topic: str) -> str:
    return f"wakes.{topic}"


class Doorbell:
    """An event of one loop that any thread may ring."""

    def __init__(self, topic: str):
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._topic = topic
        with _lock:
            _doorbells.setdefault(topic, set()).add(self)

    def ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:  # its loop is closed
            self.close()

    async def wait(self, timeout: float) -> bool:
        """Until it rings, or `timeout` seconds: the poll. True where it rang. One ring is answered once."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        finally:
            self._event.clear()
        return True

    def close(self) -> None:
        with _lock:
            _doorbells.get(self._topic, set()).discard(self)


class Outage:
    """The channel layer fails: told once, asked again ever more seldom."""

    def __init__(self, task: str):
        self._task = task
        self._pause = 0.0

    def retry_after(self, error: Exception) -> float:
        """Seconds until the next attempt."""
        first, longest = _BACK_OFF
        if not self._pause:
            logger.warning("wakes_do_not_cross", task=self._task, error=f"{type(error).__name__}: {error}")
        self._pause = min(2 * self._pause, longest) or first
        return self._pause

    def note_success(self) -> None:
        if self._pause:
            logger.info("wakes_cross_again", task=self._task)
        self._pause = 0.0


class WakeRelay:
    """Takes this process's wakes to the others, and rings here for theirs. Runs on one loop; any thread may `carry`.

    What waits is a set of topics, so a Redis that is gone costs nobody anything; what fails is dropped.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._origin = uuid.uuid4().hex
        self._waiting: set[str] = set()
        self._has_topics = asyncio.Event()
        self._sending = asyncio.Lock()

    def add(self, topic: str) -> None:
        """Raises RuntimeError where the loop is closed."""
        if topic not in self._waiting:
            self._waiting.add(topic)
            self._loop.call_soon_threadsafe(self._has_topics.set)

    async def send(self) -> None:
        """Until cancelled: what waits, as it comes."""
        outage = Outage("send")
        while True:
            await self._has_topics.wait()
            self._has_topics.clear()
            try:
                await self._send_waiting()
            except Exception as error:
                await asyncio.sleep(outage.retry_after(error))
            else:
                outage.note_success()
                await asyncio.sleep(_TOGETHER)

    async def _send_waiting(self) -> None:
        async with self._sending, asyncio.timeout(_SEND_WITHIN):
            while self._waiting:  # emptied one by one: `carry` adds from other threads meanwhile
                topic = self._waiting.pop()
                message = {"type": "wake", "topic": topic, "origin": self._origin}
                await get_channel_layer().group_send(_group(topic), message)

    async def listen(self, topics: Collection[str]) -> None:
        """Until cancelled: ring for what other processes send of `topics`; a message costs even who does not need it.

        Once subscribed the layer reconnects by itself.
        """
        outage = Outage("listen")
        while True:
            try:
                channel = await self._subscribe(topics)
                outage.note_success()
                while True:
                    self._ring_for(await get_channel_layer().receive(channel))
            except Exception as error:
                await asyncio.sleep(outage.retry_after(error))

    async def _subscribe(self, topics: Collection[str]) -> str:
        layer = get_channel_layer()
        await layer.flush()
        channel = await layer.new_channel()
        for topic in topics:
            await layer.group_add(_group(topic), channel)
        return channel

    def _ring_for(self, message: dict) -> None:
        if message["origin"] != self._origin:
            ring(message["topic"])

    def flush(self) -> None:
        """Give what waits a moment to leave, from another thread than the loop's."""
        if self._waiting or self._sending.locked():
            with contextlib.suppress(Exception):
                asyncio.run_coroutine_threadsafe(self._send_waiting(), self._loop).result(_FLUSH_WITHIN)


_lock = threading.Lock()
_doorbells: dict[str, set[Doorbell]] = {}
_relay: WakeRelay | None = None


def wake(topic: str) -> None:
    """Ring every doorbell of `topic`, here at once, in other processes a moment later. Waits for nothing."""
    ring(topic)
    if conf.WAKES and conf.wakes_cross_processes:
        try:
            _relay_of_this_process().add(topic)
        except RuntimeError:  # its loop was closed just now
            _set_relay(None)


def ring(topic: str) -> None:
    """Ring every doorbell of `topic` in this process alone."""
    if conf.WAKES:
        with _lock:
            doorbells = list(_doorbells.get(topic, ()))
        for doorbell in doorbells:
            doorbell.ring()


def after_commit(topic: str) -> None:
    """Wake `topic` once what this transaction wrote can be seen; a wake that fails never fails the producer."""
    transaction.on_commit(lambda: wake(topic), robust=True)


async def relay_and_listen(topics: Collection[str]) -> None:
    """Until cancelled: this loop carries the wakes of its process, and rings for others' wakes of `topics`."""
    relay = WakeRelay(asyncio.get_running_loop())
    _set_relay(relay)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.send())
            tasks.create_task(relay.listen(topics))
    finally:
        _set_relay(None)


def _set_relay(relay: WakeRelay | None) -> None:
    global _relay  # noqa: PLW0603 – one a process, like the doorbells
    _relay = relay


def _relay_of_this_process() -> WakeRelay:
    """That of the serving loop; in a command, a script or a worker one on a thread of its own."""
    with _lock:
        if _relay is None:
            loop = asyncio.new_event_loop()
            relay = WakeRelay(loop)
            threading.Thread(target=loop.run_until_complete, args=(relay.send(),), name="wakes", daemon=True).start()
            atexit.register(relay.flush)
            _set_relay(relay)
        assert _relay is not None
        return _relay


os.register_at_fork(after_in_child=lambda: _set_relay(None))  # a thread does not survive a fork
