"""Waiting for what happens on its own: polled, with a deadline, never for a fixed time."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 120.0  # seconds: only what hangs waits so long, however busy the machine is with other things
_REST = 4  # times as long as an answer took until the next question: what asks a database is no busy loop
_LONGEST_REST = 1.0  # seconds


async def eventually(condition: Callable[[], Any], within: float = PATIENCE, every: float = 0.01) -> Any:
    """What `condition` answers (or what the awaitable it returns does) as soon as that is true.

    It is asked each `every` seconds, and where an answer takes long seldomer: what is waited for needs the machine too.
    Raises AssertionError after `within` seconds, with the last answer.
    """
    deadline = time.monotonic() + within
    while True:
        asked_at = time.monotonic()
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, f"it did not come true within {within} s; the last answer was {answer!r}"
        rest = min(_REST * (time.monotonic() - asked_at), _LONGEST_REST)
        await asyncio.sleep(max(every, rest))
