"""Wakes: hints that something in the database changed. Nothing depends on one; each only spares a poll's wait.

A doorbell rings within its own process, from any thread. Between processes the channel layer will carry the hint.
"""

import asyncio
import threading

from django.db import transaction

DISPATCHER = "dispatcher"
HUBS = "hubs"


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


_lock = threading.Lock()
_doorbells: dict[str, set[Doorbell]] = {}


def wake(topic: str) -> None:
    """Ring every doorbell of `topic` in this process."""
    with _lock:
        doorbells = list(_doorbells.get(topic, ()))
    for doorbell in doorbells:
        doorbell.ring()


def after_commit(topic: str) -> None:
    """Wake `topic` once what this transaction wrote can be seen; a wake that fails never fails the producer."""
    transaction.on_commit(lambda: wake(topic), robust=True)
