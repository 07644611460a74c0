"""One browser for all scenes; for each scene its own site, its own Ably server, its own database."""

import pytest

from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.browser.inboxes import Inboxes
from tests.live.ably_server import AblyServer
from tests.live.site import Site, copy_of, environment_for, manage


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


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


@pytest.fixture(scope="module")
def shared_inboxes(browser, demo_database, tmp_path_factory):
    """One site for all tests of a module, without Ably: each tells its own notifications by their titles."""
    with Site(copy_of(demo_database, tmp_path_factory.mktemp("inbox")), RATE_SYSTEM="1000/1000") as site:
        yield Inboxes(browser, site)


@pytest.fixture
def inboxes(shared_inboxes):
    yield shared_inboxes
    shared_inboxes.close()
