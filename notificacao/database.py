"""A thread of its own for database work that must neither block the event loop nor queue behind requests."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connections

Answer = TypeVar("Answer")


class DatabaseThread:
    """One thread, and so one connection a database, kept between calls; a call that fails drops it."""

    def __init__(self, name: str):
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, work: Callable[..., Answer], *args) -> Answer:
        """What `work(*args)` returns, computed on this thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._guarded, work, args)

    @staticmethod
    def _guarded(work, args):
        try:
            return work(*args)
        except (DatabaseError, InterfaceError):
            connections.close_all()
            raise

    def close(self) -> None:
        self._executor.submit(connections.close_all)
        self._executor.shutdown(wait=False)
