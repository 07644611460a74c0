"""What many tests begin with and none changes: made once in a run, and copied."""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_PLACE = "SEMTAS_TESTS_PREPARED"


def of_this_run() -> Path:
    """The folder that all processes of a run share. Whoever asks first makes it, and removes it at its own end."""
    if _PLACE not in os.environ:
        os.environ[_PLACE] = tempfile.mkdtemp(prefix="semtas-prepared-")
        atexit.register(shutil.rmtree, os.environ[_PLACE], ignore_errors=True)
    return Path(os.environ[_PLACE])


def once(name: str, make: Callable[[Path], None]) -> Path:
    """What `make` put at the path that it was given, in whichever process of the run came first."""
    made = of_this_run() / name
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = made.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            make(unfinished)
            unfinished.rename(made)
    return made
