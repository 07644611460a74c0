"""End what is told to end within its time: tasks softly, then the whole process hard."""

import asyncio
import faulthandler
import logging
import os
import sys
from typing import NoReturn

import structlog

from notificacao import tracing, wakes

logger = structlog.get_logger(__name__)

TASKS_WITHIN = 5.0  # seconds that cancelled tasks have to end


async def end_tasks(*tasks: asyncio.Task) -> None:
    """Cancel the tasks and wait for their end, TASKS_WITHIN at most; log those that do not end.

    A library may swallow a cancellation: redis-py's `asyncio.wait_for` does on Python 3.11. The loop's own end cancels
    these tasks once more.
    """
    for task in tasks:
        task.cancel()
    if tasks:
        _, running = await asyncio.wait(tasks, timeout=TASKS_WITHIN)
        for task in running:
            logger.error("task_does_not_end", task=task.get_name(), stands_at=str(task.get_stack(limit=1)))


def leave() -> NoReturn:
    """Leave this process with code 0, after all its work: without Python's own way out.

    That one destroys what libraries hold, and now and then hangs there with nothing of ours left to end.
    """
    wakes.flush()
    tracing.flush()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_hard_after(seconds: float) -> None:
    """Have this process ended, with code 1, where it is still there after `seconds`.

    By then stderr shows where each thread stands. Nothing that hangs can stop it: neither a loop nor a query.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or 2)
