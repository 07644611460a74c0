"""Run the groups of script/test one after another, and say how long each took.

The last line is pytest's own closing line, summed over all groups that pytest ran.
"""

import argparse
import base64
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.live import prepared

CORES = len(os.sched_getaffinity(0))
_CLOSING = re.compile(r"(?:=+ )?(\d+ [a-z]+(?:, \d+ [a-z]+)*) in [\d.]+s\b.*")
_WORDS = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warnings", "errors")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _ours() -> dict[str, str]:
    """Return our environment, in which Python keeps what it compiles: a process then starts in 1.4 s instead of 4.6."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Command:
    """One command line of a group, with what its environment has beside ours."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, told: Callable[[str], None]) -> int:
        """Run it, give `told` each line that it prints, colours and all, and return its exit code."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        process = subprocess.Popen(
            self.words,
            env={**_ours(), "PATH": path, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            try:
                for line in process.stdout or ():
                    told(line.rstrip("\n"))
            except BaseException:
                process.terminate()
                raise
        return process.returncode


def command(line: str, **environment: str) -> Command:
    return Command(line.split(), environment)


def pytest(*words: str, **environment: str) -> Command:
    """Run pytest quietly, with the ten slowest of what takes a second or more."""
    quiet = (sys.executable, "-m", "pytest", "-q", "--durations=10", "--durations-min=1")
    return Command((*quiet, *words), environment)


def in_order(*words: str, **environment: str) -> Command:
    """Run tests that share a database on one process more than there are cores, since each waits for it at times.

    Their order is kept: those that empty it come last, and then those that start processes, few at a time.
    """
    few = ("--dist", "load", "--maxschedchunk", "4")
    return pytest("-n", str(CORES + 1), *few, *_ignored(OF_ONE_GROUP), *words, **environment)


def _ignored(rooms: Iterable[str]) -> list[str]:
    return [f"--ignore={room}" for room in rooms]


def by_file(*words: str, more: int = 1, **environment: str) -> Command:
    """Run tests that mostly wait on `more` processes than there are cores.

    Those of one file share their servers; the files' order is kept, with those first that take longest.
    """
    return pytest("-n", str(CORES + more), "--dist", "loadfile", "--no-loadscope-reorder", *words, **environment)


def files_naming(*markers: str) -> list[str]:
    """Return the files of tests that name one of these markers, in order: to read all 300 takes each process seconds.

    `tests/chosen.py` holds that a marker stands in its test's own file.
    """
    names = re.compile(rf"\bmark\.({'|'.join(markers)})\b")
    return [str(path) for path in sorted(Path("tests").rglob("test_*.py")) if names.search(path.read_text())]


def live(which: str, *words: str, **environment: str) -> Command:
    """Run those with servers of their own: some burn while others wait. Faults take longest, and so come first."""
    expression = f"({which}) and not (browser or alone or endurance)"
    return by_file("-m", expression, *words, *files_naming("services", "faults"), more=2, **environment)


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(48)).decode()


def checked_as_in_production(**environment: str) -> Command:
    """Run Django's checks with secrets of this run alone. Nothing is started with them, and nobody is connected to."""
    return command(
        "python manage.py check --deploy --fail-level WARNING",
        DEBUG="false",
        ABLY_API_KEY="",
        ALLOWED_HOSTS="notificacoes.example",
        SECRET_KEY=_secret(),
        ENCRYPTION_SECRET=_secret(),
        SIGNING_KEYS=base64.b64encode(secrets.token_bytes(32)).decode(),
        **environment,
    )


_LINTERS = [
    command("ruff check ."),
    command("ruff format --check ."),
    command("python manage.py makemigrations --check --dry-run"),
]
_VITEST = "npx --no-install vitest run"
_MANY_MACHINES = {
    "DATABASE_URL": "postgres://semtas@127.0.0.1/semtas",
    "REDIS_URL": "redis://127.0.0.1/0",
    "DISPATCHER": "external",
}
_OF_OTHER_GROUPS = "browser or services or faults or alone or ship or endurance"
ROOMS = {"browser": ["tests/browser"], "ship": ["tests/guides", "tests/ship"]}
"""By marker, where all its tests are. Each process of pytest reads these folders, and not 5,000 tests of others."""
OF_ONE_GROUP = [f"tests/{marker}" for marker in ROOMS]
"""Rooms without a test of another group. What they alone import takes each process seconds."""
NOT_QUICK = [f"tests/{room}" for room in ("attacks", "cost", "demo", "monitoring", "project", "proof")]
"""Attacks take longest; costs, the demonstration, monitoring, documents, scripts and the proof are seldom edited."""
_ON_POSTGRES = ("-p", "tests.on_postgres")
_NOT_ON_POSTGRES = "services or faults or browser or sqlite"
_MEASURED = ("-p", "tests.measured")

GROUPS: dict[str, list[Command]] = {
    "checks": [
        command(_VITEST),
        *_LINTERS,
        command("bandit -q -c pyproject.toml -r notificacao semtas"),
        command("mypy"),
        command("lint-imports"),
        checked_as_in_production(),
        checked_as_in_production(**_MANY_MACHINES),
        command("npm run --silent types"),
        command("npm run --silent openapi"),
        command("npm run --silent asyncapi"),
        command("npm run --silent spelling"),
    ],
    "js": [command(_VITEST)],
    "postgres": [in_order(*_MEASURED, *_ON_POSTGRES, "--first-cases", COVERAGE_FILE=".coverage.postgres")],
    "sqlite": [in_order("--beside-postgres", "-m", f"not ({_OF_OTHER_GROUPS})")],
    "live": [live("services or faults", *_MEASURED, COVERAGE_FILE=".coverage.live")],
    "services": [live("services and not faults")],
    "faults": [live("faults")],
    "coverage": [command("python -m tests.coverage_table")],
    "browser": [by_file("-m", "browser and not (alone or endurance)", *ROOMS["browser"], more=2)],
    "soonest": [*_LINTERS, command(f"{_VITEST} --exclude **/*.story.test.js --exclude **/adversary.test.js")],
    "quick": [in_order("--first-cases", *_ignored(NOT_QUICK), "-m", f"not ({_OF_OTHER_GROUPS} or slow)")],
    "ship": [
        by_file(
            "-m",
            f"(ship or endurance and ({_NOT_ON_POSTGRES})) and not alone",
            *ROOMS["ship"],
            "tests/monitoring/test_rules.py",  # two weeks of all rules: five minutes of one core
            *ROOMS["browser"],
            *files_naming("services", "faults", "sqlite"),
        ),
        in_order(*_ON_POSTGRES, "--further-cases"),
        pytest("-m", "alone", *files_naming("alone")),
    ],
}
WHOLE = ["checks", "postgres", "sqlite", "live", "coverage", "browser"]
QUICK = ["soonest", "quick"]
_OF_CHECKS = {"checks", "soonest"}
"""Their commands run side by side. Where one fails, nothing else is run: it is seconds old and soon mended."""


@dataclass
class Outcome:
    """What one run of a group came to: pytest's counts (`{"passed": 12}`), empty where pytest had no part in it."""

    name: str
    seconds: float
    code: int
    counts: Counter

    @property
    def failed(self) -> bool:
        return self.code != 0

    def row(self) -> str:
        counts = ", ".join(f"{number} {word}" for word, number in self.counts.items())
        return f"{self.name:<10}{self.seconds:>6.0f} s  {'FAILED  ' if self.failed else ''}{counts}"


def count(words: str) -> dict[str, int]:
    """Return `{"passed": 12, "errors": 1}` for pytest's "12 passed, 1 error"."""
    pairs = (part.split() for part in words.split(", "))
    return {{"error": "errors", "warning": "warnings"}.get(word, word): int(number) for number, word in pairs}


def run_side_by_side(commands: Sequence[Command], told: Callable[[str], None]) -> int:
    """Run all of them, as many at once as there are cores, give `told` each one's lines together, and return a code.

    It is 0 where each of them ended with 0.
    """

    def run(one: Command) -> tuple[int, list[str]]:
        lines: list[str] = []
        return one.run(lines.append), lines

    code = 0
    with ThreadPoolExecutor(CORES) as pool:
        for ended_with, lines in pool.map(run, commands):
            for line in lines:
                told(line)
            code = code or ended_with
    return code


def run_group(name: str, arguments: Sequence[str], strict: bool) -> Outcome:
    """Run a group up to its first command that fails, and checks to their end.

    `strict`: a test that was skipped is a failure.
    """
    counts: Counter = Counter()

    def told(line: str) -> None:
        print(line, flush=True)
        if found := _CLOSING.fullmatch(_COLOUR.sub("", line)):
            counts.update(count(found[1]))

    print(f"\n== {name}", flush=True)
    began = time.monotonic()
    code = 0
    if name in _OF_CHECKS:
        code = run_side_by_side(GROUPS[name], told)
    else:
        for one in GROUPS[name]:
            words = [*one.words, *arguments] if "pytest" in one.words else one.words
            code = code or Command(words, one.environment).run(told)
    if strict and counts["skipped"]:
        print(f"script/test: a test of the group {name} was skipped.")
        code = code or 1
    return Outcome(name, time.monotonic() - began, code, +counts)


def run_all(names: Sequence[str], arguments: Sequence[str], strict: bool) -> Iterator[Outcome]:
    for name in names:
        outcome = run_group(name, arguments, strict)
        yield outcome
        if outcome.failed and name in _OF_CHECKS:
            return


def closing_line(outcomes: Sequence[Outcome]) -> str:
    """Return pytest's closing line for all groups together; what failed outside of pytest counts as an error."""
    total: Counter = Counter()
    for outcome in outcomes:
        total.update(outcome.counts)
        if outcome.failed and not outcome.counts["failed"] | outcome.counts["errors"]:
            total["errors"] += 1
    counts = ", ".join(f"{total[word]} {word}" for word in _WORDS if total[word]) or "no tests ran"
    return f"{counts} in {sum(outcome.seconds for outcome in outcomes):.2f}s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/test")
    parser.add_argument("--ci", action="store_true")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true")
    which.add_argument("--ship", action="store_true")
    which.add_argument("--repeat", nargs=2, metavar=("N", "GROUP"))
    options, arguments = parser.parse_known_args()
    names = QUICK if options.quick else ["ship"] if options.ship else WHOLE
    if options.repeat:
        times, name = options.repeat
        if not times.isdecimal() or not int(times) or name not in GROUPS:
            parser.error(f"--repeat wants a number and a group, one of {', '.join(GROUPS)}.")
        names = [name] * int(times)
    prepared.of_this_run()
    outcomes = list(run_all(names, arguments, strict=options.ci or os.environ.get("CI") == "true"))
    print("\n" + "\n".join(outcome.row() for outcome in outcomes))
    if options.repeat:
        print(f"{sum(not outcome.failed for outcome in outcomes)} of {len(outcomes)} runs of {names[0]} passed.")
    print(closing_line(outcomes), flush=True)
    if options.quick:
        left_out = "types, PostgreSQL, servers, browser, faults, what is slow, each test's further cases"
        print(f"Left out: {left_out}; {', '.join(NOT_QUICK)}. script/test runs them.", flush=True)
    return 1 if any(outcome.failed for outcome in outcomes) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background, and all of it, ignores it
    sys.exit(main())
