"""Wake loops that wait for a change in the database. Nothing depends on a wake; each only spares a poll's wait.

A doorbell (`doorbells.py`) rings within its own process. Between processes a relay takes the hint over the channel
layer: the caller of `wake` never waits for that, many wakes leave as one message, and each is delivered at most once.
A wake may tell what it is of, in bytes that mean nothing here; then it is a message of its own.
"""

import asyncio
import atexit
import contextlib
import os
import threading
import time
import uuid
from collections.abc import Collection

import structlog
from channels.layers import get_channel_layer
from django.db import transaction

from notificacao import metrics
from notificacao.conf import conf
from notificacao.doorbells import MOST_TOLD, ring
from notificacao.rounds import Rounds

logger = structlog.get_logger(__name__)

DISPATCHER = "dispatcher"
HUBS = "hubs"
REVOCATIONS = "revocations"
FOR_DISPATCHERS = (DISPATCHER, REVOCATIONS)

PULSE_EVERY = 5.0  # seconds between two wakes by which a process finds out that wakes cross
_LARGEST_TOLD = 16_384  # bytes
# Seconds: a first wake leaves at once, those that follow within this time leave together, where they tell nothing.
_TOGETHER = 0.003
_SEND_WITHIN = 1.0  # seconds until a message that cannot be sent is dropped
_FLUSH_WITHIN = 0.3  # seconds for which a process that ends may wait for its last wake to leave
_SUBSCRIBE_WITHIN = 10.0  # seconds until a subscription that comes to no end is tried again
_BACK_OFF = (0.25, 5.0)  # seconds: the first pause of an outage, and the longest


def _group(topic: str) -> str:
    """Return the name of the channel layer's group for `topic`."""
    return f"wakes.{topic}"


class Outage:
    """Log that the channel layer fails once an outage, and pause ever longer between attempts."""

    def __init__(self, task: str):
        self._task = task
        self._pause = 0.0

    def retry_after(self, error: Exception) -> float:
        """Return the seconds until the next attempt after `error`."""
        first, longest = _BACK_OFF
        if not self._pause:
            logger.warning("wakes_do_not_cross", task=self._task, error=f"{type(error).__name__}: {error}")
        self._pause = min(2 * self._pause, longest) or first
        return self._pause

    def note_success(self) -> None:
        """Note that the channel layer works; the next failure is a new outage."""
        if self._pause:
            logger.info("wakes_cross_again", task=self._task)
        self._pause = 0.0


class WakeRelay:
    """Take this process's wakes to the others, and ring here for theirs.

    It runs on one loop; any thread may `add`. What waits is kept once, and little of it while Redis is gone; a message
    that cannot be sent is dropped.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._origin = uuid.uuid4().hex
        self._waiting: dict[tuple[str, bytes], None] = {}  # in order
        self._changing = threading.Lock()
        self._has_topics = asyncio.Event()
        self._sending = asyncio.Lock()
        self._pulse = f"pulse.{self._origin}"
        self._pulse_left_at: float | None = None  # monotonic seconds; None once it has come back
        self.rounds = Rounds()  # of wakes that went out and came back

    def add(self, topic: str, told: bytes = b"") -> None:
        """Have `topic` sent, with what it tells. Raises RuntimeError where the loop is closed."""
        with self._changing:
            wake = topic, told if len(self._waiting) < MOST_TOLD else b""
            if wake in self._waiting:
                return
            self._waiting[wake] = None
        self._loop.call_soon_threadsafe(self._has_topics.set)

    async def send(self) -> None:
        """Send the topics that wait, as they come, until cancelled."""
        outage = Outage("send")
        while not _is_told_to_end():
            await self._has_topics.wait()
            self._has_topics.clear()
            try:
                await self._send_waiting()
            except Exception as error:
                metrics.REDIS_UP.set(0)
                if self._waiting:
                    self._has_topics.set()  # nobody else will: `add` leaves alone what waits already
                await asyncio.sleep(outage.retry_after(error))
            else:
                metrics.REDIS_UP.set(1)
                outage.note_success()
                await asyncio.sleep(_TOGETHER)

    async def _send_waiting(self) -> None:
        async with self._sending, asyncio.timeout(_SEND_WITHIN):
            while self._waiting:  # emptied one by one: `add` adds from other threads meanwhile
                with self._changing:
                    topic, told = next(iter(self._waiting))
                    del self._waiting[topic, told]
                if topic == self._pulse:
                    self._pulse_left_at = time.monotonic()
                message = {"type": "wake", "topic": topic, "told": told, "origin": self._origin}
                await get_channel_layer().group_send(_group(topic), message)

    async def pulse(self) -> None:
        """Send this process a wake every `PULSE_EVERY` seconds, until cancelled: it comes back where wakes cross."""
        while True:
            self.add(self._pulse)
            await asyncio.sleep(PULSE_EVERY)

    async def listen(self, topics: Collection[str]) -> None:
        """Ring for what other processes send of `topics`, until cancelled.

        Each process subscribes only to topics that it needs, since every message costs its receivers. Once subscribed
        the layer reconnects by itself.
        """
        outage = Outage("listen")
        while not _is_told_to_end():
            try:
                channel = await self._subscribe(topics)
                outage.note_success()
                while not _is_told_to_end():
                    self._ring_for(await get_channel_layer().receive(channel))
            except Exception as error:
                await asyncio.sleep(outage.retry_after(error))

    async def _subscribe(self, topics: Collection[str]) -> str:
        """Return a new channel of the layer that is in the groups of `topics`."""
        layer = get_channel_layer()
        async with asyncio.timeout(_SUBSCRIBE_WITHIN):
            await layer.flush()
            channel = await layer.new_channel()
            for topic in (*topics, self._pulse):
                await layer.group_add(_group(topic), channel)
            return channel

    def _ring_for(self, message: dict) -> None:
        """Ring the doorbells of the message's topic, where another process sent it; note a pulse of this process."""
        if message["topic"] == self._pulse:
            self.rounds.succeeded()
            if self._pulse_left_at is not None:
                metrics.WAKE_SECONDS.observe(time.monotonic() - self._pulse_left_at)
            self._pulse_left_at = None
        elif message["origin"] != self._origin:
            told = message.get("told")  # a process of an earlier version tells nothing
            ring(message["topic"], told if isinstance(told, bytes) and len(told) <= _LARGEST_TOLD else b"")

    def flush(self) -> None:
        """Give the topics that wait a moment to leave, called from another thread than the loop's."""
        if self._waiting or self._sending.locked():
            with contextlib.suppress(Exception):
                asyncio.run_coroutine_threadsafe(self._send_waiting(), self._loop).result(_FLUSH_WITHIN)


def _is_told_to_end() -> bool:
    """Tell whether the task that asks was cancelled; whoever waited for the layer may not have heard of it.

    redis-py writes under `asyncio.wait_for`, which on Python 3.11 drops a cancellation that comes as the write ends.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


_lock = threading.Lock()
_relay: WakeRelay | None = None


def wake(topic: str, told: bytes = b"") -> None:
    """Ring every doorbell of `topic`, here at once, in other processes a moment later. It never waits.

    `told` is what it is of, for those who understand it; without, they look for themselves.
    """
    ring(topic, told)
    if conf.WAKES and conf.wakes_cross_processes:
        try:
            _relay_of_this_process().add(topic, told)
        except RuntimeError:  # the relay's loop was closed just now
            _set_relay(None)


def after_commit(topic: str) -> None:
    """Wake `topic` once other connections can see what this transaction wrote; a failing wake fails no producer."""
    transaction.on_commit(lambda: wake(topic), robust=True)


async def relay_and_listen(topics: Collection[str]) -> None:
    """Relay this process's wakes on this loop, and ring for others' wakes of `topics`, until cancelled."""
    relay = WakeRelay(asyncio.get_running_loop())
    _set_relay(relay)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.send())
            tasks.create_task(relay.listen(topics))
            tasks.create_task(relay.pulse())
    finally:
        _set_relay(None)


def age() -> float | None:
    """Return the seconds since a wake of this process went out and came back; None where none ever did."""
    relay = _relay
    return relay.rounds.age if relay else None


def _set_relay(relay: WakeRelay | None) -> None:
    """Make `relay` this process's one; None for none."""
    global _relay  # noqa: PLW0603 – one a process, like the doorbells
    _relay = relay


def flush() -> None:
    """Send what the relay still holds, where there is one."""
    if _relay is not None:
        _relay.flush()


def _relay_of_this_process() -> WakeRelay:
    """Return the relay of the serving loop.

    A command, a script or a worker has none, and gets one on a thread of its own.
    """
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
