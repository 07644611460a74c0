"""A dispatcher that works off what is to be revoked, and does nothing else."""

import asyncio
import contextlib

from notificacao.dispatcher.revoker import Revoker


@contextlib.asynccontextmanager
async def revoking(transport):
    """While the block runs, at `transport`."""
    revoker = Revoker(transport, lambda: True)
    task = asyncio.create_task(revoker.work_off())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    revoker.close()
