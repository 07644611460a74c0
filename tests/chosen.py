"""Which tests a run takes, and in which order.

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
    for item in _after_the_first_case(items):
        item.add_marker("endurance")
    here = _chooser(config)
    config.hook.pytest_deselected(items=[item for item in items if not here(item)])
    items[:] = sorted(filter(here, items), key=_is_quick)
    if refused := [item.nodeid for item in items if _finds_an_emptied_database(item)]:
        raise pytest.UsageError(
            "These run file by file, after tests that empty the database, and want "
            f"django_db(transaction=True, serialized_rollback=True): {refused}"
        )


def _after_the_first_case(items: list) -> list:
    """Return all but the first case of each test, where cases differ in data and not in the lines that they run."""
    functions, later = set(), []
    for item in items:
        function = item.nodeid.partition("[")[0]
        if function in functions and not _EACH_CASE_HAS_LINES_OF_ITS_OWN.fullmatch(_name(item.path)):
            later.append(item)
        functions.add(function)
    return later


def _name(path: Path) -> str:
    return path.relative_to(_TESTS).as_posix()


@functools.cache
def _text(path: Path) -> str:
    return path.read_text()


def _has_a_mark_from_elsewhere(item) -> bool:
    """Tell whether its file would be passed over by a group that reads only files that name the group's mark."""
    marks = filter(item.get_closest_marker, ("services", "faults", "alone", "sqlite"))
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
