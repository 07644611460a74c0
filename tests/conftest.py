"""The cast: ana (recipient), bia (same unit), caio (outsider)."""

import faulthandler
import re
import signal
from pathlib import Path

import hypothesis
import pytest
from django.core.cache import caches
from django.db import connections
from django.utils import translation

from notificacao import audiences, denials, login, rates
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

# Of code with SQL of its own, or that leans on locks and isolation: to be seen on both kinds of database.
_ABOUT_THE_DATABASE = re.compile(
    r"(cost/test_meters|dispatcher/test_(claims|cost_schedule|guard_round|lease|loop|orchestrator|stamp|stamp_locks)"
    r"|models/\w+|reading/\w+"
    r"|rollout/guard/test_counting|rollout/plan/test_acts|server/test_runtime|stream/test_(live|replay_property|tail)"
    r"|test_(access|data_subject|epoch|eventlog|health|idempotency|retention|services|signals))\.py"
)
# Of much data over few lines: a fifth of the time, and a thousandth of what is covered.
_OVER_LINES_RUN_ALREADY = re.compile(
    r"(catalogue/\w+|metrics/test_streams|reading/test_(changing|counting|marking|reach|search|two_devices)"
    r"|rollout/guard/test_statistics|test_(access|audiences|clocks|connection_pool|eventlog|places))\.py"
)
_TESTS = Path(__file__).parent

hypothesis.settings.register_profile("tests", deadline=None)  # a busy machine fails no example
hypothesis.settings.load_profile("tests")


def pytest_addoption(parser):
    parser.addoption("--beside-postgres", action="store_true", help="leave out what -p tests.on_postgres has shown too")


def pytest_configure():
    prepared.of_this_run()  # before xdist's workers start, which share it


def _goes_where_others_go(item) -> bool:
    """Tell whether it runs what quick tests run once: for the hundredth time, or with servers."""
    room = item.path.relative_to(_TESTS).parts[0]
    if item.get_closest_marker("services"):
        return room not in ("ably_check", "smoke", "test_rates.py", "transports")  # what no quick test runs
    again = room in ("attacks", "cost", "test_staff_scope.py") and item.get_closest_marker("slow") is not None
    return again or room == "project" or bool(_OVER_LINES_RUN_ALREADY.fullmatch(_name(item)))


def _name(item) -> str:
    return item.path.relative_to(_TESTS).as_posix()


def pytest_collection_modifyitems(config, items):
    """What is about one kind of database is not for the other; `tests.on_postgres` brings the other."""
    if connections["default"].vendor == "postgresql":
        here = _on_postgres
    else:
        here = _on_sqlite_alone if config.getoption("beside_postgres") else _on_sqlite
    config.hook.pytest_deselected(items=[item for item in items if not here(item)])
    items[:] = sorted(filter(here, items), key=_is_quick)
    for item in items:
        if _goes_where_others_go(item):
            item.add_marker("no_cover")  # the tracer would double its time
    if refused := [item.nodeid for item in items if _finds_an_emptied_database(item)]:
        raise pytest.UsageError(
            "These run file by file, after tests that empty the database, and want "
            f"django_db(transaction=True, serialized_rollback=True): {', '.join(refused)}"
        )


def _is_quick(item) -> bool:
    """Tell whether it is none of those that take longest. They begin first, lest one is left at the end."""
    return item.get_closest_marker("faults") is None


def _finds_an_emptied_database(item) -> bool:
    """Tell whether it is of a group by file, where no order is kept, and does not bring the migrations' rows back."""
    mark = item.get_closest_marker("django_db")
    brings = mark is not None and mark.kwargs.get("transaction") and mark.kwargs.get("serialized_rollback")
    by_file = any(map(item.get_closest_marker, ("services", "browser", "faults")))
    return by_file and not brings and (mark is not None or "db" in item.fixturenames)


def _on_sqlite(item) -> bool:
    return item.get_closest_marker("postgres") is None


def _on_sqlite_alone(item) -> bool:
    return _on_sqlite(item) and (not _on_postgres(item) or bool(_ABOUT_THE_DATABASE.fullmatch(_name(item))))


def _on_postgres(item) -> bool:
    """Where it is not about SQLite, nor about a server or a process with a database of its own."""
    return not any(
        map(item.get_closest_marker, ("sqlite", "services", "browser", "faults", "alone", "ship", "endurance"))
    )


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
    """Each test client makes the middlewares anew, and one of them looks at all static files: half a second."""
    settings.SERVESTATIC_USE_FINDERS = settings.SERVESTATIC_USE_STATIC_ROOT = False


@pytest.fixture(autouse=True)
def portuguese():
    """A request in English leaves its language to the thread, and so to the next test."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def patient_stamps(monkeypatch):
    """In a test that is one transaction, the stamp's limits would hold for all that follows in it."""
    monkeypatch.setattr(stamp, "_LIMITS", "SET LOCAL lock_timeout = '10s'")


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
def of_unit(cras_norte):
    return audiences.channel_for_unit(cras_norte)


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
