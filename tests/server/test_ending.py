"""The end of what is told to end: softly where it can be, within its time where it cannot."""

import asyncio
import contextlib
import subprocess
import sys

import pytest
import structlog
from django.core.management import load_command_class

from notificacao.server import ending
from tests.live.ably_server import ROOT
from tests.waiting import PATIENCE


async def test_tasks_that_are_told_to_end_have_ended():
    tasks = [asyncio.create_task(asyncio.Event().wait()) for _ in range(3)]
    await ending.end_tasks(*tasks)
    assert all(task.cancelled() for task in tasks)
    await ending.end_tasks()


async def test_a_task_whose_cancellation_was_swallowed_is_left_behind_and_told(monkeypatch):
    monkeypatch.setattr(ending, "TASKS_WITHIN", 0.05)

    async def deaf():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf(), name="deaf")
    await asyncio.sleep(0)
    with structlog.testing.capture_logs() as logs:
        await asyncio.wait_for(ending.end_tasks(task), PATIENCE)
    assert [(line["event"], line["task"]) for line in logs] == [("task_does_not_end", "deaf")]
    task.cancel()
    await asyncio.wait([task])


def test_a_process_that_does_not_end_is_ended_and_shows_where_it_stood():
    program = (
        "import threading\n"
        "from notificacao.server.ending import end_hard_after\n"
        "def hang():\n"
        "    threading.Event().wait()\n"
        "threading.Thread(target=hang).start()\n"
        "end_hard_after(0.1)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert ended.returncode == 1
    assert "in hang" in ended.stderr


@pytest.mark.slow
def test_a_process_that_is_through_leaves_though_something_would_hang_in_pythons_own_way_out():
    program = (
        "import atexit, os, threading\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'semtas.settings'\n"
        "import django; django.setup()\n"
        "from notificacao.server import ending\n"
        "atexit.register(threading.Event().wait)\n"
        "print('all is done', end='')\n"
        "ending.leave()\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, "all is done")


@pytest.mark.parametrize("command", ["serve", "dispatch"])
def test_what_runs_as_a_process_of_its_own_leaves_so(monkeypatch, command):
    left = []
    kind = load_command_class("notificacao", command)
    monkeypatch.setattr(type(kind), "handle", lambda *_, **__: None)
    monkeypatch.setattr(ending, "leave", lambda: left.append(command))
    kind.run_from_argv(["manage.py", command, "--skip-checks"])
    assert left == [command]
