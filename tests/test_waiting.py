"""How tests wait: for what happens, never for a time; and what they measure in a browser stands still."""

import re
from pathlib import Path

import pytest

from tests.waiting import eventually

TESTS = Path(__file__).parent
# What polls with a deadline, or stands for what takes its time in the world that a test is about.
POLLS = {"waiting.py", "live/process.py", "browser/rest.py"}
MODELS = {"faults/clients.py", "faults/machines.py", "faults/proxy.py", "faults/rehearsal.py", "faults/virtual.py"}
FIXED = re.compile(r"time\.sleep\(|wait_for_timeout\(|await asyncio\.sleep\((?!0[,)])")
CONTEXT = re.compile(r"browser\.new_(context|page)\(")


def files_with(pattern: re.Pattern) -> set[str]:
    """By their paths beneath `tests/`."""
    here = Path(__file__)
    files = (path for path in TESTS.rglob("*.py") if path != here)
    return {path.relative_to(TESTS).as_posix() for path in files if pattern.search(path.read_text())}


def test_no_test_waits_for_a_fixed_time():
    assert files_with(FIXED) - POLLS - MODELS == set()


def test_every_browser_context_is_opened_where_it_is_told_to_stand_still():
    assert files_with(CONTEXT) == {"browser/rest.py"}


async def test_what_does_not_come_true_ends_with_the_last_answer():
    with pytest.raises(AssertionError, match="the last answer was 0"):
        await eventually(lambda: 0, within=0)
