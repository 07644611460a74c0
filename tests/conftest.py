"""The cast: ana (recipient), bia (same unit), caio (outsider)."""

import faulthandler
import gc
import signal

import hypothesis
import pytest
from django.core.cache import caches
from django.db import connections
from django.utils import translation

from notificacao import audiences, database, denials, login, rates
from notificacao.api import ably, producing
from notificacao.dispatcher import stamp
from notificacao.models import BenefitType, Membership, Person, Role, Unit
from notificacao.rates import Buckets, Memory
from notificacao.stream import hub, rejections
from tests.asgi import running_site
from tests.emptied import by_statements_of_ours, end_other_sessions
from tests.live import prepared
from tests.live.ably_server import AblyServer
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer

pytest_plugins = ["tests.chosen"]

hypothesis.settings.register_profile("tests", deadline=None)  # a busy machine fails no example
hypothesis.settings.load_profile("tests")


def pytest_configure():
    prepared.of_this_run()  # before xdist's workers start, which share it


def pytest_collection_finish():
    """What is loaded by now stays to the end: to look through it for garbage, again and again, is a tenth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory):
    """A file, not memory: threads of one process must see each other's commits as processes do."""
    if connections["default"].vendor == "sqlite":
        database = tmp_path_factory.mktemp("database") / "test.sqlite3"
        connections["default"].settings_dict["TEST"]["NAME"] = str(database)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """waffle's own flag, which ours replaces, leaves tables that point at people. At the end nobody is connected."""
    if connections["default"].vendor == "postgresql":
        with django_db_blocker.unblock(), connections["default"].cursor() as cursor:
            cursor.execute("DROP TABLE waffle_flag_users, waffle_flag_groups")
    yield
    if connections["default"].vendor == "postgresql":
        with django_db_blocker.unblock():
            end_other_sessions(connections["default"])


@pytest.fixture(scope="session", autouse=True)
def emptied_quickly():
    """Between two tests: Django empties all tables, the audit trail too, which refuses that to anybody else."""
    with by_statements_of_ours(connections["default"]):
        yield


@pytest.fixture(autouse=True)
def cheap_passwords(settings):
    """A tenth of a second a person is what a password should cost, and not what a test should."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_static_files(settings):
    """What serves them looks at each for every test client, half a second, and has an event loop for every request."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("servestatic.")]


@pytest.fixture(autouse=True)
def portuguese():
    """A request in English leaves its language to the thread, and so to the next test."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def patient_stamps(monkeypatch):
    """In a test that is one transaction, the limits of stamp and dispatcher would hold for all that follows in it."""
    monkeypatch.setattr(stamp, "_LIMITS", "SET LOCAL lock_timeout = '10s'")
    monkeypatch.setattr(database, "IDLE_LIMIT", "SELECT 1")


@pytest.fixture(autouse=True)
def empty_caches():
    """What one test was given, or was throttled for, is nothing to the next."""
    rates.forget()
    for cache in caches.all(initialized_only=True):
        cache.clear()


@pytest.fixture(autouse=True)
def no_earlier_denials():
    """Forget the refusals of earlier tests: one that is alike within a minute would be folded into them."""
    for kept in (denials._access, login._denials, ably._denials, producing._denials, rejections._denials):
        kept._lately.clear()


@pytest.fixture
def time_stands_still(monkeypatch):
    """For the rates: no bucket fills while the test runs."""
    monkeypatch.setattr(rates, "_buckets", Buckets(Memory(lambda: 0.0)))


@pytest.fixture
def cras_norte(db):
    return Unit.objects.create(code="CRAS01", name="CRAS Norte", sigla="CN", kind=Unit.Kind.CRAS)


@pytest.fixture
def cras_sul(db):
    return Unit.objects.create(code="CRAS02", name="CRAS Sul", sigla="CS", kind=Unit.Kind.CRAS)


@pytest.fixture
def aluguel_social(db):
    return BenefitType.objects.create(slug="aluguel-social", name="Aluguel social")


def make_person(username, role=None, unit=None, **fields):
    """A person, with one membership where a role is given."""
    person = Person.objects.create_user(username, password="segredo-de-teste", **fields)
    if role:
        Membership.objects.create(person=person, role=role, unit=unit)
    return person


@pytest.fixture
def ana(cras_norte):
    return make_person("ana", Role.TECNICO, cras_norte)


@pytest.fixture
def bia(cras_norte):
    return make_person("bia", Role.TECNICO, cras_norte)


@pytest.fixture
def caio(cras_sul):
    return make_person("caio", Role.TECNICO, cras_sul)


@pytest.fixture
def as_ana(client, ana):
    """Her browser, logged in."""
    client.force_login(ana)
    return client


@pytest.fixture
def of_ana(ana):
    return audiences.channel_for_user(ana)


@pytest.fixture
def norte(cras_norte):
    return audiences.channel_for_unit(cras_norte)


@pytest.fixture
def sul(cras_sul):
    return audiences.channel_for_unit(cras_sul)


@pytest.fixture(scope="session")
def ably_server():
    """The local Ably-compatible server, shared by all tests: whoever kills one starts one of their own."""
    with AblyServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL shared by all tests: `postgres.create_database()`. Whoever stops one starts one of their own."""
    with PostgresServer(fsync=False) as server:
        yield server


@pytest.fixture(scope="session")
def redis():
    """A Redis shared by all tests: whoever stops one starts one of their own."""
    with RedisServer() as server:
        yield server


@pytest.fixture(autouse=True)
def full_buckets(request):
    """The shared Redis counts by a person's number, and the first of one database is the first of each other too.

    Where faults are tried it may be frozen still, and their machines have a database for all tests.
    """
    if "redis" in request.fixturenames and not request.node.get_closest_marker("faults"):
        request.getfixturevalue("redis").empty()


@pytest.fixture
def signals():
    """SIGINT and SIGTERM that nobody took end nothing and are noted here; all handlers are as before afterwards."""
    came = []
    before = {
        number: signal.signal(number, lambda *of: came.append(of[0])) for number in (signal.SIGINT, signal.SIGTERM)
    }
    yield came
    faulthandler.cancel_dump_traceback_later()  # what was told to end has armed it against itself
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def ably_key():
    """Ably is configured, and nobody is on it before a test says so."""
    return "app.key:segredo-de-teste-com-32-letras-x"


@pytest.fixture
def served():
    """How streams reach their page: `plain`, through ASGI's send, or `taken`, by a socket under uvicorn."""
    return "plain"


@pytest.fixture
async def site(db, ably_key, served, settings, monkeypatch):
    """A hub and the streams that a test opens at it. What is due once a second comes at once.

    What the hub's own thread reads is set before it starts: Django caches a setting while another thread changes it.
    """
    settings.ABLY_API_KEY = ably_key
    settings.DISPATCH_POLL = 0.05
    monkeypatch.setattr(hub, "TICK", 0.02)
    async with running_site(taken=served == "taken") as site:
        yield site
