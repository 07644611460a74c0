"""One browser for all files; one site, with an Ably server and a database of its own, for the tests of each file.

Files that need no Ably and break nothing share one, and all start from the demo's database and the logins in it.

What a test breaks, it mends: the next one finds the site and Ably running, the people and the flag as `demo` made them.
"""

import fcntl
import json
from pathlib import Path

import pytest

from tests.browser import logins
from tests.browser.chromium import chromium
from tests.browser.desk import Desk, put_back
from tests.browser.inboxes import Inboxes
from tests.browser.sending import Sender
from tests.live.ably_server import AblyServer
from tests.live.site import Site, copy_of, environment_for, manage, migrate

NEW_KEY = """
from notificacao.models import Kind
from tests.producers import make_key, make_producer
print(make_key(make_producer("provas", kinds=list(Kind.values))))
"""
_DEMO = f"""
from django.core.management import call_command
call_command("demo")
{NEW_KEY}
"""
RATE = "10000/10000"
# A few people do in a minute what all tests of a process do, and another system sends for all of them.
_RATES = dict.fromkeys(("RATE_USER", "RATE_STAFF", "RATE_STREAMS", "RATE_LOGIN", "RATE_SYSTEM"), RATE)
_SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.browser.settings", **_RATES}
# Those that take longest, so that no process is left alone with one at the end: each, alone on two cores, over 10 s.
_FIRST = (
    "test_keys.py",
    "test_failover.py",
    "test_scenes.py",
    "test_diagnosis.py",
    "test_tabs.py",
    "test_xss.py",
    "test_axe.py",
    "test_home_of_operators.py",
    "test_csp.py",
    "test_bell.py",
    "test_inbox_acts.py",
    "test_plain_http.py",
)


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest (`--no-loadscope-reorder` keeps that)."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(_FIRST)}
    assert all(path.exists() for path in places)
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="package")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def demo(tmp_path_factory, worker_id):
    """The database, a producer's key and each person's session: with the demo's people, units and notifications.

    Made once for all processes of the run, whose folders have one parent, and by one process: it is waited for.
    """
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        folder = folder.parent
    database, made = folder / "demo.sqlite3", folder / "demo.json"
    with (folder / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            environment = environment_for(database)
            migrate(database)
            said = manage(environment, "shell", "--no-imports", "-c", _DEMO + logins.LOG_EVERYBODY_IN)
            *_, key, sessions = said.splitlines()
            made.write_text(json.dumps([key, json.loads(sessions)]))
    return database, *json.loads(made.read_text())


@pytest.fixture(scope="session")
def demo_database(demo):
    return demo[0]


@pytest.fixture(scope="session")
def producer_key(demo):
    return demo[1]


@pytest.fixture(scope="session")
def new_site(demo, tmp_path_factory):
    """`with new_site(ably, **settings) as site`: on a copy of the demo's database, or of `of`, which was one."""

    def new(ably: AblyServer | None = None, *, of: Path = demo[0], **settings: str) -> Site:
        site = Site(copy_of(of, tmp_path_factory.mktemp("site")), ably, **_SETTINGS | settings)
        logins.have(site, demo[2])
        return site

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


@pytest.fixture(scope="module")
def kept_desks():
    """Those of the file that are as new."""
    kept: list[Desk] = []
    yield kept
    for desk in kept:
        desk.context.close()


@pytest.fixture
def desk(browser, site, kept_desks):
    """`desk("ana")`: her browser, on the inbox. A second one is another browser. At the end nothing is open."""
    open_desks = []

    def open_for(username: str) -> Desk:
        open_desks.append(Desk.common(browser, site, username, kept_desks))
        open_desks[-1].open()
        return open_desks[-1].watch()

    yield open_for
    put_back(open_desks, kept_desks)


@pytest.fixture(scope="package")
def shared_site(new_site):
    """One for all files that break nothing and need no Ably: each test tells its own notifications by their titles."""
    with new_site() as site:
        yield site


@pytest.fixture(scope="package")
def shared_inboxes(browser, shared_site, producer_key):
    """The inboxes of the shared site, for all files about the inbox."""
    return Inboxes(browser, shared_site, producer_key)


@pytest.fixture
def inboxes(shared_inboxes):
    yield shared_inboxes
    shared_inboxes.close()
