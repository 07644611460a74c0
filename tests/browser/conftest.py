"""One browser for all scenes; for each scene its own site, its own Ably server, its own database."""

import pytest

from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.browser.inboxes import Inboxes
from tests.live.ably_server import AblyServer
from tests.live.site import Site, copy_of, environment_for, manage

_NEW_KEY = """
from notificacao.models import Kind
from tests.producers import make_key, make_producer
print(make_key(make_producer("provas", kinds=list(Kind.values))))
"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The database and a producer's key: migrated, with the demo's people, units and notifications."""
    database = tmp_path_factory.mktemp("demo") / "demo.sqlite3"
    environment = environment_for(database)
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "demo")
    return database, manage(environment, "shell", "--no-imports", "-c", _NEW_KEY).split()[-1]


@pytest.fixture(scope="session")
def demo_database(demo):
    return demo[0]


@pytest.fixture(scope="session")
def producer_key(demo):
    return demo[1]


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
def shared_inboxes(browser, demo_database, producer_key, tmp_path_factory):
    """One site for all tests of a module, without Ably: each tells its own notifications by their titles."""
    with Site(copy_of(demo_database, tmp_path_factory.mktemp("inbox")), RATE_SYSTEM="1000/1000") as site:
        yield Inboxes(browser, site, producer_key)


@pytest.fixture
def inboxes(shared_inboxes):
    yield shared_inboxes
    shared_inboxes.close()
