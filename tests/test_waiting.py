"""How tests wait: for what happens, never for a time; and what they measure in a browser stands still."""

import re
import time
from pathlib import Path

import pytest

from tests.waiting import eventually

TESTS = Path(__file__).parent
# What polls with a deadline, or stands for what takes its time in the world that a test is about.
POLLS = {"waiting.py", "live/process.py", "browser/rest.py"}
MODELS = {"faults/clients.py", "faults/machines.py", "faults/proxy.py", "faults/rehearsal.py", "faults/virtual.py"}
# What stands for something slow: a probe that takes longer than it may, a network that takes a moment.
SLOW = {"dispatcher/test_breaker_monitor.py", "dispatcher/test_loop.py"}
FIXED = re.compile(r"time\.sleep\(|wait_for_timeout\(|asyncio\.sleep\((?!0[,)])")
# A deadline by figures, which a busy machine meets. 0 asks whether it is so by now.
HASTY = re.compile(
    r"asyncio\.timeout\((?!0\))[\d.]|wait_for\(.*, [\d.]+\)|eventually\(.*within=(?!0\))[\d.]"
    r"|\b(?:acquire|join|wait)\((?:timeout=)?(?!0\))[\d.]+\)"
)
# What judges that nothing comes through a proxy that lets nothing through; what looks again and again.
LOOKS = {"faults/producer.py", "faults/stepped.py", "faults/test_proxy.py", "live/ably_server.py"}
TIMERS = re.compile(r"\b(?:setTimeout|setInterval|waitFor|waitUntil)\(")
CONTEXT = re.compile(r"browser\.new_(context|page)\(")


def files_with(pattern: re.Pattern) -> set[str]:
    """By their paths beneath `tests/`."""
    here = Path(__file__)
    files = (path for path in TESTS.rglob("*.py") if path != here)
    return {path.relative_to(TESTS).as_posix() for path in files if pattern.search(path.read_text())}


def test_no_test_waits_for_a_fixed_time():
    assert files_with(FIXED) - POLLS - MODELS - SLOW == set()


def test_no_test_gives_up_before_what_hangs_does():
    assert files_with(HASTY) - POLLS - MODELS - LOOKS == set()


def test_the_clock_of_a_page_in_a_test_goes_on_when_the_test_says_so():
    """Each file of vitest in which anything waits has timers of its own from the first line of each test."""
    waiting = {path for path in (TESTS / "js").rglob("*.test.js") if TIMERS.search(path.read_text())}
    assert waiting
    own = re.compile(r"^beforeEach\((?:async )?\(\) => (?:void |\{\n  )vi\.useFakeTimers\(", re.MULTILINE)
    assert [path.name for path in waiting if not own.search(path.read_text())] == []


def test_every_browser_context_is_opened_where_it_is_told_to_stand_still():
    assert files_with(CONTEXT) == {"browser/rest.py"}


async def test_what_does_not_come_true_ends_with_the_last_answer():
    with pytest.raises(AssertionError, match="the last answer was 0"):
        await eventually(lambda: 0, within=0)


async def test_what_takes_long_to_answer_is_asked_the_seldomer(monkeypatch):
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    def slow():
        began = time.monotonic()
        while time.monotonic() < began + 0.02:
            pass
        return len(waited) == 3

    monkeypatch.setattr("tests.waiting.asyncio.sleep", sleep)
    await eventually(slow)
    assert all(0.08 <= seconds <= 1 for seconds in waited)
