"""Processes that tests fork instead of starting them: each is like one that was started."""

import contextlib
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.live.forking import Forked, start
from tests.live.process import Process, all_of
from tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]


@pytest.fixture
def forked():
    """`forked(program, NAME="value")`: the process, and the file that it says everything to."""
    with contextlib.ExitStack() as files:

        def fork(program: str, **environment: str):
            file = files.enter_context(tempfile.TemporaryFile())
            words = [sys.executable, "-c", program]
            return start(words, {"LANG": "C.UTF-8", **environment}, file.fileno(), file.fileno()), file

        yield fork


def test_it_has_its_own_environment_output_and_exit_code_and_nothing_of_ours_loaded(forked):
    program = (
        "import os, random, sys, threading; from django.conf import settings\n"
        "print(sorted(os.environ), settings.configured, threading.active_count(), len(os.listdir('/proc/self/fd')))\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('notificacao', 'semtas')])\n"
        "print(random.random())\n"
        "sys.exit(int(os.environ['CODE']))"
    )
    one, to_one = forked(program, CODE="3")
    other, to_other = forked(program, CODE="4")
    assert (one.wait(PATIENCE), other.wait(PATIENCE)) == (3, 4)
    *of_one, by_chance = all_of(to_one).splitlines()
    *of_other, by_another = all_of(to_other).splitlines()
    assert of_one == of_other == ["['CODE', 'LANG'] False 1 4", "[]"]  # the fourth file is the listing's own
    assert by_chance != by_another


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_and_is_told_as_its_exit_code(forked, number):
    process, file = forked("import threading; print('up', flush=True); threading.Event().wait()")
    await eventually(lambda: all_of(file).startswith("up"))
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(PATIENCE) == process.poll() == -number


def test_what_the_interpreter_reads_at_its_start_is_given_to_one_that_is_started(forked):
    process, file = forked("import sys; print(sys.flags.optimize)", PYTHONOPTIMIZE="1")
    assert not isinstance(process, Forked)
    assert process.wait(PATIENCE) == 0
    assert all_of(file) == "1\n"


_STARTS_TWO = """
import os, sys, threading
from tests.live.forking import start
nowhere = os.open(os.devnull, os.O_RDWR)
waits = [sys.executable, "-c", "import threading; threading.Event().wait()"]
started = [start(["sleep", "1000"], None, nowhere, nowhere), start(waits, {"LANG": "C.UTF-8"}, nowhere, nowhere)]
print(*(process.pid for process in started), flush=True)
threading.Event().wait()
"""


def lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_what_a_process_started_ends_with_it_however_it_ends():
    command = [sys.executable, "-c", _STARTS_TWO]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as starting:
        started = starting.stdout.readline().split()
        assert [lives(pid) for pid in started] == [True, True]
        starting.kill()
    await eventually(lambda: not any(map(lives, started)))


def test_its_log_has_every_line_in_its_place_however_often_it_is_read_meanwhile():
    program = "for number in range(60_000): print(f'{number:0200}')"
    process = Process([sys.executable, "-u", "-c", program], {"LANG": "C.UTF-8"})
    process.launch()
    while process.running:
        process.log()
    assert [int(line) for line in process.log().split()] == [*range(60_000)]
    process.close()


class WithChildThatEnded(Process):
    """Its child ends between the moment when it is listed and the one when it is signalled."""

    def _children(self) -> list[int]:
        with subprocess.Popen(["true"]) as child:
            pass
        return [child.pid]


def test_what_ends_by_itself_before_it_is_signalled_disturbs_nothing():
    process = WithChildThatEnded(["sleep", "60"])
    with process:
        process.freeze()
        process.thaw()
        assert process.running
    assert not process.running


async def test_a_process_that_ended_by_itself_can_be_closed():
    process = Process(["true"])
    process.launch()
    await eventually(lambda: not process.running)
    process.freeze()
    process.close()
