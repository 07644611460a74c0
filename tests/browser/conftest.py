"""One browser for all files; one site, with an Ably server and a database of its own, for the tests of each file.

What a test breaks, it mends: the next one finds the site and Ably running, the people and the flag as `demo` made them.
"""

import fcntl
from pathlib import Path

import pytest

from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.browser.inboxes import Inboxes
from tests.browser.sending import Sender
from tests.live.ably_server import AblyServer
from tests.live.site import Site, copy_of, environment_for, manage, migrate

_NEW_KEY = """
from notificacao.models import Kind
from tests.producers import make_key, make_producer
print(make_key(make_producer("provas", kinds=list(Kind.values))))
"""
_RATE = "10000/10000"  # that of another system: it sends for all tests of a file


@pytest.fixture(scope="package")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def demo(tmp_path_factory, worker_id):
    """The database and a producer's key: migrated, with the demo's people, units and notifications.

    Made once for all processes of the run, whose folders have one parent.
    """
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        folder = folder.parent
    database, key = folder / "demo.sqlite3", folder / "demo.key"
    with (folder / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not key.exists():
            environment = environment_for(database)
            migrate(database)
            manage(environment, "demo")
            key.write_text(manage(environment, "shell", "--no-imports", "-c", _NEW_KEY).split()[-1])
    return database, key.read_text()


@pytest.fixture(scope="session")
def demo_database(demo):
    return demo[0]


@pytest.fixture(scope="session")
def producer_key(demo):
    return demo[1]


@pytest.fixture(scope="session")
def new_site(demo_database, tmp_path_factory):
    """`with new_site(ably, **settings) as site`: on a copy of the demo's database, or of `of`."""

    def new(ably: AblyServer | None = None, *, of: Path = demo_database, **settings: str) -> Site:
        return Site(copy_of(of, tmp_path_factory.mktemp("site")), ably, **{"RATE_SYSTEM": _RATE} | settings)

    return new


@pytest.fixture(scope="module")
def own_ably():
    """An Ably server that a scene may kill, and starts again."""
    with AblyServer() as server:
        yield server


@pytest.fixture(scope="module")
def site(new_site, own_ably):
    """The file's. A scene may kill it, and starts it again."""
    with new_site(own_ably) as site:
        yield site


@pytest.fixture
def send(site, producer_key):
    """Another system: `send("title")` to everybody at CRAS Norte, `send.to_everybody("title")`."""
    sender = Sender(site, producer_key)
    yield sender
    sender.close()


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


@pytest.fixture(scope="package")
def shared_inboxes(browser, new_site, producer_key):
    """One site for all files about the inbox, without Ably: each test tells its own notifications by their titles."""
    with new_site() as site:
        yield Inboxes(browser, site, producer_key)


@pytest.fixture
def inboxes(shared_inboxes):
    yield shared_inboxes
    shared_inboxes.close()
