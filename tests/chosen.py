"""Which tests a run takes, in which order, and which of them the tracer of coverage follows.

A plugin of tests/conftest.py, beside `tests.groups`, which says what each group asks for.
"""

import functools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connections

# Of code with SQL of its own, or that leans on locks and isolation: to be seen on both kinds of database.
_ABOUT_THE_DATABASE = re.compile(
    r"(cost/test_meters|dispatcher/test_(claims|cost_schedule|guard_round|lease|loop|orchestrator|stamp|stamp_locks)"
    r"|models/\w+|reading/\w+"
    r"|rollout/guard/test_counting|rollout/plan/test_acts|server/test_runtime|stream/test_(live|replay_property|tail)"
    r"|test_(access|data_subject|epoch|eventlog|health|idempotency|retention|services|signals))\.py"
)
# They take two fifths of the time, and run one line of four hundred that no other test runs.
_OVER_LINES_RUN_ALREADY = re.compile(
    r"(catalogue/\w+|metrics/test_(counted|streams)|monitoring/\w+|observe/\w+|project/\w+"
    r"|admin/test_alert|api/test_(problems|receipts|session|throttling)"
    r"|attacks/test_(floods|forgery|matrix|matrix_admin|openapi|outside_text|parsers|patterns|producers_work|slow_replays)"
    r"|cost/test_(governor|month)|pages/test_(detail|inbox|static_files|translation)"
    r"|reading/test_(changing|counting|marking|reach|search|two_devices)|rollout/guard/test_(simulation|statistics)"
    r"|stream/test_(authorisation|frames|live|replay_property|standby_streams)"
    r"|test_(access|audiences|clocks|connection_pool|eventlog|hostile_ids|places|receipts|signals|staff_scope))\.py"
)
_EACH_CASE_HAS_LINES_OF_ITS_OWN = re.compile(r"why/\w+\.py")
_TESTS = Path(__file__).parent


def pytest_addoption(parser):
    parser.addoption("--beside-postgres", action="store_true", help="leave out what -p tests.on_postgres has shown too")
    for option, others in (("--first-cases", "further ones, and endurance"), ("--further-cases", "first ones")):
        parser.addoption(option, action="store_true", help=f"of each test's cases leave out the {others}")


def pytest_ignore_collect(collection_path, config):
    """Read no file of which `--beside-postgres` leaves out every test: all of them take each process seconds."""
    of_tests = collection_path.suffix == ".py" and collection_path.is_relative_to(_TESTS)
    if not of_tests or not config.getoption("beside_postgres"):
        return None
    about = _ABOUT_THE_DATABASE.fullmatch(_name(collection_path))
    return None if about or "mark.sqlite" in _text(collection_path) else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """What is about one kind of database is not for the other; `tests.on_postgres` brings the other."""
    if refused := [item.nodeid for item in items if _has_a_mark_from_elsewhere(item)]:
        raise pytest.UsageError(f"Their file does not name a mark that they have (tests/groups.py): {refused}")
    further = {*_after_the_first_case(items)}
    for item in further:
        item.add_marker("endurance")
    here = _chooser(config)
    config.hook.pytest_deselected(items=[item for item in items if not here(item)])
    items[:] = sorted(filter(here, items), key=_is_quick)
    for item in {*further, *filter(_goes_where_others_go, items)}:
        item.add_marker("no_cover")  # the tracer would nearly double its time
    if refused := [item.nodeid for item in items if _finds_an_emptied_database(item)]:
        raise pytest.UsageError(
            "These run file by file, after tests that empty the database, and want "
            f"django_db(transaction=True, serialized_rollback=True): {refused}"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    """End what pytest-cov begins to measure in each worker before its own: it would go on where that one pauses."""
    controller = _controller(session.config)
    if controller and hasattr(session.config, "workerinput"):
        controller.cov.stop()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    """Follow nothing that is made once for a run, such as the database."""
    controller = _controller(request.config)
    if not controller or not controller.started or fixturedef.scope != "session":
        return (yield)
    controller.pause()
    try:
        return (yield)
    finally:
        controller.resume()


def _controller(config):
    """Return pytest-cov's, None where nothing is measured."""
    plugin = config.pluginmanager.getplugin("_cov")
    return plugin and plugin.cov_controller


def _after_the_first_case(items: list) -> list:
    """Return all but the first case of each test, where cases differ in data and not in the lines that they run."""
    functions, later = set(), []
    for item in items:
        function = item.nodeid.partition("[")[0]
        if function in functions and not _EACH_CASE_HAS_LINES_OF_ITS_OWN.fullmatch(_name(item.path)):
            later.append(item)
        functions.add(function)
    return later


def _goes_where_others_go(item) -> bool:
    """Tell whether it runs what quick tests run once: for the hundredth time, or with servers."""
    room = item.path.relative_to(_TESTS).parts[0]
    if item.get_closest_marker("services"):
        return room not in ("ably_check", "smoke", "test_rates.py", "transports")  # what no quick test runs
    again = room in ("attacks", "cost") and item.get_closest_marker("slow") is not None
    return again or bool(_OVER_LINES_RUN_ALREADY.fullmatch(_name(item.path)))


def _name(path: Path) -> str:
    return path.relative_to(_TESTS).as_posix()


@functools.cache
def _text(path: Path) -> str:
    return path.read_text()


def _has_a_mark_from_elsewhere(item) -> bool:
    """Tell whether its file would be passed over by a group that reads only files that name the group's mark."""
    marks = filter(item.get_closest_marker, ("services", "faults", "alone", "endurance", "sqlite"))
    return any(f"mark.{mark}" not in _text(item.path) for mark in marks)


def _is_quick(item) -> bool:
    """Tell whether it is none of those that take longest. They begin first, lest one is left at the end."""
    return item.get_closest_marker("faults") is None


def _finds_an_emptied_database(item) -> bool:
    """Tell whether it is of a group by file, where no order is kept, and does not bring the migrations' rows back."""
    mark = item.get_closest_marker("django_db")
    brings = mark is not None and mark.kwargs.get("transaction") and mark.kwargs.get("serialized_rollback")
    return _has_servers_of_its_own(item) and not brings and (mark is not None or "db" in item.fixturenames)


def _has_servers_of_its_own(item) -> bool:
    return any(map(item.get_closest_marker, ("services", "browser", "faults")))


def _chooser(config) -> Callable[[pytest.Item], bool]:
    """Return what tells whether an item is for this run."""
    on_postgres, beside = connections["default"].vendor == "postgresql", config.getoption("beside_postgres")
    first_alone, further_alone = config.getoption("first_cases"), config.getoption("further_cases")

    def here(item) -> bool:
        is_further = item.get_closest_marker("endurance") is not None
        if (first_alone and is_further) or (further_alone and not is_further):
            return False
        if on_postgres:
            return _on_postgres(item)
        again = not is_further and _ABOUT_THE_DATABASE.fullmatch(_name(item.path))
        return item.get_closest_marker("postgres") is None and (not beside or not _on_postgres(item) or bool(again))

    return here


def _on_postgres(item) -> bool:
    """Where it is not about SQLite, nor about a server or a process with a database of its own."""
    return not any(map(item.get_closest_marker, ("sqlite", "services", "browser", "faults", "alone", "ship")))
