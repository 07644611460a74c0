"""One browser for all scenes; for each scene its own site, its own Ably server, its own database."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.desk import Desk
from tests.live.ably_server import AblyServer
from tests.live.site import Site, copy_of, environment_for, manage

# Nothing leaves this machine, and nothing is asked of it that a container does not have.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "chromium is missing: install it (Debian: apt-get install chromium)."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demo_database(tmp_path_factory):
    """Migrated, with the demo's people, units and notifications."""
    database = tmp_path_factory.mktemp("demo") / "demo.sqlite3"
    environment = environment_for(database)
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "demo")
    return database


@pytest.fixture
def own_ably():
    """An Ably server that a scene may kill."""
    with AblyServer() as server:
        yield server


@pytest.fixture
def site(demo_database, own_ably, tmp_path):
    with Site(copy_of(demo_database, tmp_path), own_ably) as site:
        yield site


@pytest.fixture
def desk(browser, site):
    """`desk("ana")`: her browser, on the inbox. All are closed at the end."""
    open_desks = []

    def open_for(username: str) -> Desk:
        open_desks.append(Desk.of(browser, site, username))
        return open_desks[-1]

    yield open_for
    for one in open_desks:
        one.context.close()
