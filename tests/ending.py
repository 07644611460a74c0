"""A command that runs until it is told to end: in the test's own thread, with somebody beside it in another."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

PATIENCE = 30  # seconds


def until_told(run: Callable[[], Any], beside: Callable[[], Any], number: int) -> Any:
    """What `beside` returns; then this process gets the signal `number`, which is to end `run`.

    Whoever calls it has the fixture `signals`: a signal that nobody takes would end the tests. Raises AssertionError
    where `run` does not end.
    """
    ended = threading.Event()

    def work() -> Any:
        try:
            return beside()
        finally:
            connections.close_all()
            os.kill(os.getpid(), number)
            if not ended.wait(PATIENCE):
                os.kill(os.getpid(), signal.SIGINT if number == signal.SIGTERM else signal.SIGTERM)
                raise AssertionError(f"{signal.Signals(number).name} did not end it")

    with ThreadPoolExecutor(1) as another:
        answer = another.submit(work)
        try:
            run()
        finally:
            ended.set()
        return answer.result(PATIENCE)
