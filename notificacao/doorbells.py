"""Doorbells: each wakes one loop of this process, and is rung by its topic from any thread."""

import asyncio
import threading

from notificacao.conf import conf

MOST_TOLD = 16  # wakes that tell something and wait to be sent, or to be answered: beyond that they tell nothing


class Doorbell:
    """Wrap an event of one loop, which any thread may ring."""

    def __init__(self, topic: str):
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._topic = topic
        self._told: list[bytes] = []
        with _lock:
            _doorbells.setdefault(topic, set()).add(self)

    def ring(self, told: bytes = b"") -> None:
        """Set the event, from any thread; `told` is what `taken` returns."""
        try:
            self._loop.call_soon_threadsafe(self._rang, told)
        except RuntimeError:  # the doorbell's loop is closed
            self.close()

    def _rang(self, told: bytes) -> None:
        self._told.append(told)
        del self._told[MOST_TOLD + 1 :]
        self._event.set()

    def taken(self) -> list[bytes] | None:
        """Return what each ring since the last call told, in order; None where one told nothing, or there are many."""
        told, self._told = self._told, []
        return told if all(told) and len(told) <= MOST_TOLD else None

    async def wait(self, timeout: float) -> bool:
        """Wait until it rings, or for `timeout` seconds: the poll. Return True where it rang.

        One ring is answered once.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        finally:
            self._event.clear()
        return True

    @property
    def rings(self) -> bool:
        """Tell whether it rang, and nobody answered yet."""
        return self._event.is_set()

    async def gather(self, seconds: float) -> None:
        """Let rings of `seconds` come together: what is done next answers all of them, and the one before."""
        if seconds > 0:
            await asyncio.sleep(seconds)
            self._event.clear()

    def close(self) -> None:
        """Take the doorbell out of those that `ring` rings."""
        with _lock:
            _doorbells.get(self._topic, set()).discard(self)


_lock = threading.Lock()
_doorbells: dict[str, set[Doorbell]] = {}


def ring(topic: str, told: bytes = b"") -> None:
    """Ring every doorbell of `topic` in this process alone."""
    if conf.WAKES:
        with _lock:
            doorbells = list(_doorbells.get(topic, ()))
        for doorbell in doorbells:
            doorbell.ring(told)
