"""Time that passes only while everybody waits: a second of the site's life costs what happens in it, and no more."""

import asyncio
import contextlib
import random
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.db import connections

from notificacao import rates
from notificacao.database import DatabaseThread
from notificacao.rates import Buckets, Memory


class VirtualLoop(asyncio.SelectorEventLoop):
    """Where nothing is ready, the clock jumps to what is due next."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self._now = max(self._now, self._scheduled[0].when())
        super()._run_once()

    def pass_time(self, seconds: float) -> None:
        self.run_until_complete(asyncio.sleep(seconds))


@contextlib.contextmanager
def simulated(seed: int) -> Iterator[VirtualLoop]:
    """A loop on which the site's own code runs in virtual time, one step after the other.

    What its database threads would do is done on the loop, after delays drawn from `seed`: other orders of events, and
    the same ones each time. Of each database it has one connection; Django would open one for each task.
    """
    loop, draw = VirtualLoop(), random.Random(seed)

    async def run(self, work, *args):
        await asyncio.sleep(draw.choice((0, 0, 0.002, 0.02)))
        answer = work(*args)
        await asyncio.sleep(draw.choice((0, 0, 0.002, 0.02)))
        return answer

    clock = SimpleNamespace(monotonic=loop.time, time=time.time, time_ns=time.time_ns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        patch.setattr(DatabaseThread, "run", run)
        patch.setattr(connections, "_connections", threading.local())
        patch.setattr(rates, "_buckets", Buckets(Memory(loop.time), loop.time))
        for name, module in sys.modules.copy().items():  # other threads import meanwhile
            if name.startswith("notificacao.") and getattr(module, "time", None) is time:
                patch.setattr(module, "time", clock)
        asyncio.set_event_loop(loop)
        try:
            yield loop
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            connections.close_all()
