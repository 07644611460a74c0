"""The groups of script/test: each test is in one of them, and the end tells what they came to together."""

import re
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from _pytest.mark.expression import Expression

from tests import chosen, groups
from tests.documents.product import ROOT
from tests.groups import Command, Outcome, closing_line, run_group


@pytest.fixture
def group(monkeypatch):
    """`group("print(1)", …)`: makes a group "own" of Python programs, one a command."""

    def make(*programs: str) -> None:
        monkeypatch.setitem(groups.GROUPS, "own", [Command((sys.executable, "-c", program)) for program in programs])

    return make


def test_a_group_counts_what_pytest_says_last(group):
    group(
        "print('12 passed, 1 skipped, 1 warning in 3.20s (0:00:03)')",
        "print('\\x1b[32m=== 2 passed in 0.1s ===\\x1b[0m')",
    )
    outcome = run_group("own", [], strict=False)
    assert not outcome.failed
    assert outcome.counts == {"passed": 14, "skipped": 1, "warnings": 1}


def test_python_keeps_what_it_compiles_for_the_next_process(group, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    group("import sys; sys.exit(sys.dont_write_bytecode)")
    assert not run_group("own", [], strict=False).failed


def test_a_group_ends_at_its_first_command_that_fails(group, capsys):
    group("import sys; sys.exit(3)", "print('never')")
    assert run_group("own", [], strict=False).code == 3
    assert "never" not in capsys.readouterr().out


def test_checks_go_on_to_their_end_and_each_ones_lines_stand_together(monkeypatch, capsys):
    slow = "import sys; print('a', flush=True); sys.stdin.read(); print('b'); sys.exit(4)"
    programs = (slow, "print('c')")
    monkeypatch.setitem(groups.GROUPS, "checks", [Command((sys.executable, "-c", program)) for program in programs])
    assert run_group("checks", [], strict=False).code == 4
    assert capsys.readouterr().out.split() == ["==", "checks", "a", "b", "c"]


def test_a_skipped_test_is_a_failure_where_it_is_strict(group):
    group("print('12 passed, 1 skipped in 3.20s')")
    assert run_group("own", [], strict=True).failed


def test_the_end_is_pytests_own_line_summed_over_all_groups():
    outcomes = [
        Outcome("a", 1.5, 0, Counter(passed=10, warnings=1)),
        Outcome("b", 2.0, 1, Counter(passed=5, failed=2)),
        Outcome("mypy", 1.0, 1, Counter()),
    ]
    assert closing_line(outcomes) == "2 failed, 15 passed, 1 warnings, 1 errors in 4.50s"


def test_a_group_that_failed_does_not_keep_the_next_from_running(group, monkeypatch):
    monkeypatch.setitem(groups.GROUPS, "other", [Command((sys.executable, "-c", "raise SystemExit(1)"))])
    group("print('1 passed in 0.1s')")
    assert [outcome.failed for outcome in groups.run_all(["other", "own"], [], strict=False)] == [True, False]


def test_where_a_check_fails_nothing_else_is_run(monkeypatch):
    monkeypatch.setitem(groups.GROUPS, "checks", [Command((sys.executable, "-c", "raise SystemExit(1)"))])
    assert len(list(groups.run_all(["checks", "js"], [], strict=False))) == 1


@pytest.mark.parametrize("marker", groups.ROOMS)
def test_a_group_that_reads_a_room_alone_misses_no_test(marker):
    marked = [
        path.relative_to(ROOT)
        for path in ROOT.glob("tests/**/*.py")
        if re.search(rf"mark\.{marker}\b", path.read_text())
    ]
    assert marked
    assert {str(Path(*path.parts[:2])) for path in marked} <= set(groups.ROOMS[marker])


@pytest.mark.parametrize("room", groups.OF_ONE_GROUP)
def test_a_room_that_other_groups_do_not_read_has_no_test_of_theirs(room):
    mark = re.compile(rf"^pytestmark = .*\bmark\.{Path(room).name}\b", re.MULTILINE)
    files = [*(ROOT / room).rglob("test_*.py")]
    assert files
    assert [path.name for path in files if not mark.search(path.read_text())] == []


def expressions(name: str) -> list[str]:
    """Return the `-m` of each pytest of a group."""
    lines = [list(one.words) for one in groups.GROUPS[name] if "pytest" in one.words]
    return [words[words.index("-m", words.index("pytest")) + 1] for words in lines if words.count("-m") > 1]


def groups_that_run(marks: set[str]) -> set[str]:
    return {
        name
        for name in groups.GROUPS
        for expression in expressions(name)
        if Expression.compile(expression).evaluate(lambda mark: mark in marks)
    }


@pytest.fixture
def runs(monkeypatch):
    """`runs(marks)`: the groups of script/test and of --ship that take a test of these marks, each as often."""

    def takes(words: list[str], marks: set[str]) -> bool:
        config = SimpleNamespace(getoption=lambda name: f"--{name.replace('_', '-')}" in words)
        vendor = "postgresql" if "tests.on_postgres" in words else "sqlite"
        monkeypatch.setattr(chosen, "connections", {"default": SimpleNamespace(vendor=vendor)})
        item = SimpleNamespace(get_closest_marker=lambda mark: mark if mark in marks else None, path=Path(__file__))
        options = words[words.index("pytest") + 1 :]
        expression = options[options.index("-m") + 1] if "-m" in options else "not none"
        return chosen._chooser(config)(item) and Expression.compile(expression).evaluate(marks.__contains__)

    def find(marks: set[str]) -> list[str]:
        names = (*groups.WHOLE, "ship")
        lines = [(name, list(one.words)) for name in names for one in groups.GROUPS[name] if "pytest" in one.words]
        return [name for name, words in lines if takes(words, marks)]

    return find


GROUP_OF = {
    (): "postgres",
    ("postgres",): "postgres",
    ("slow",): "postgres",
    ("sqlite",): "sqlite",
    ("services",): "live",
    ("faults",): "live",
    ("services", "faults"): "live",
    ("browser",): "browser",
    ("services", "alone"): "ship",
    ("faults", "alone"): "ship",
}


@pytest.mark.parametrize(("marks", "group"), GROUP_OF.items(), ids=str)
def test_each_test_is_run_once_its_further_cases_and_endurance_by_ship(runs, marks, group):
    assert runs({*marks}) == [group]
    assert runs({*marks, "endurance"}) == ["ship"]


@pytest.mark.parametrize("marks", [{"ship"}, {"alone"}, {"ship", "alone"}])
def test_what_is_shipped_or_needs_the_machine_to_itself_is_run_by_ship_alone(marks):
    assert groups_that_run(marks) == {"ship"}


@pytest.mark.parametrize("marks", [{"services"}, {"services", "faults"}])
def test_what_has_servers_of_its_own_is_run_with_all_of_them_and_by_one_half(marks):
    run_by = groups_that_run(marks)
    assert run_by == {"live", "faults" if "faults" in marks else "services"}
    assert run_by & {*groups.WHOLE} == {"live"}
