"""The two commands of the README on a bare Debian 12, by somebody who is not root."""

import shutil
import signal
import subprocess

import pytest

from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.live.ably_server import ROOT, free_port
from tests.live.process import Process, answers, children, signal_each
from tests.ship.bare import BareMachine

pytestmark = pytest.mark.ship


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    machine = BareMachine(tmp_path_factory.mktemp("bare") / "root")
    machine.make()
    yield machine
    shutil.rmtree(machine.root, ignore_errors=True)


@pytest.fixture(scope="module")
def with_node(machine):
    machine.add_node()
    return machine


def test_all_that_is_missing_is_named_at_once_and_nothing_is_done(machine):
    told = machine.run("script/test")
    assert told.returncode == 1
    wanted = {"git", "gettext", "postgresql", "redis-server", "faketime", "chromium-headless-shell", "build-essential"}
    assert wanted <= set(told.stderr.splitlines()[1].split())
    assert "Node 20 or newer is missing" in told.stderr
    assert "Cargo is missing" in told.stderr
    assert not (machine.home / "site" / ".venv").exists()


def test_the_site_does_not_start_without_node_and_says_where_it_is_to_be_had(machine):
    told = machine.run("script/server")
    assert told.returncode == 1
    assert "Node 20 or newer is missing: install it (https://nodejs.org)" in told.stderr


class BareSite(Process):
    """script/server in there, with the Ably-compatible server that was built already."""

    name = "the site on the bare machine"
    starts_within = 240  # seconds: it installs what it needs first

    def __init__(self, machine: BareMachine):
        port = free_port()
        self.host = "127.0.0.1"
        self.url = self.address = f"http://{self.host}:{port}"  # for browsers, and for us
        super().__init__(machine.command(f"script/server --port {port}", SOCKUDO="/usr/local/bin/sockudo"))

    def ready(self) -> bool:
        return answers(f"{self.url}/health/ably", within=2)

    def kill(self) -> None:
        """End the first process of that root, and with it all others. `--kill-child` does not reach another user's."""
        if self.running:
            signal_each(children(self.pid), signal.SIGKILL)
        super().kill()


@pytest.fixture
def site(with_node):
    built = subprocess.check_output([ROOT / "script" / "ably-server", "--path"], text=True).strip()
    shutil.copy(built, with_node.root / "usr/local/bin/sockudo")
    site = BareSite(with_node)
    yield site.start()
    site.kill()


def test_one_command_runs_the_site_with_ably_beside_sse_and_tells_other_terminals_of_it(site, with_node):
    with chromium() as browser:
        desks = {name: Desk.of(browser, site, name) for name in ("ana", "bia")}
        desks["ana"].is_on("ably")
        desks["bia"].is_on("sse")
    told = with_node.run("bash -c '. var/ably.env && .venv/bin/python manage.py ably_check'")
    assert told.returncode == 0
    assert "aceita" in told.stdout
