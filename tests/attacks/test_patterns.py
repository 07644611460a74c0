"""Every pattern over text from outside takes time in proportion to the text, whatever the text is.

What is compared is the processor's time of this thread, for texts of two lengths: a ratio, so that no machine is slow.
"""

import ast
import contextlib
import importlib.util
import inspect
import itertools
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import notificacao
from notificacao import audit, eventlog, login_word, personal_data, texts
from notificacao.reading import search
from semtas import env_file, middleware

SHORT, TIMES = 1_000, 8
LINEAR, TRIES = 20, 5  # what is quadratic gets to 64, what is linear to 8 and what a machine adds
BRIEF = 100_000  # nanoseconds: what takes as little for the longer text has gone through it in no time, or not at all
SEEDS = [
    *("a", "1", "9", "0", ".", "-", " ", "/", "@", "(", "+", "+55", ":", "'", '"', "\\", "=", "_", "#", "\n", "\x00"),
    *("a@", "a.", "a@a.", "@a-", "1.", "1-", "9 ", "0-", "(11", "+55 ", "11 9", "a-", "/a", "a/", "a=", "f-", "a:b "),
    *("https://a", "é", "e\u0301", "\u0301\u0327", "\ufdfa", "１", "\u200b", "00000000-0000-"),
]
ENDINGS = ["", "!", "@", "\n", "\x00"]


def compiles(name: str) -> bool:
    """Whether that module keeps patterns. Others need not be loaded: some are for an app that is not installed."""
    spec = importlib.util.find_spec(name)
    return "re.compile(" in Path(spec.origin).read_text()


def patterns_of_the_project() -> dict[tuple[str, str], Callable[[str], object]]:
    """`{(module.name, method): pattern's method}` of all that modules keep, by the methods that they call."""
    names = [module.name for module in pkgutil.walk_packages(notificacao.__path__, "notificacao.")]
    modules = [importlib.import_module(name) for name in names if ".migrations." not in name and compiles(name)]
    return {
        (f"{module.__name__}.{name}", way): _tried_on(pattern, way)
        for module in (*modules, middleware, env_file)
        for name, pattern in vars(module).items()
        if isinstance(pattern, re.Pattern)
        for way in set(re.findall(rf"\b{name}\.(\w+)\(", inspect.getsource(module)))
    }


def _tried_on(pattern: re.Pattern, way: str) -> Callable[[str], object]:
    """Return the pattern's method for a text, which a pattern of bytes takes in UTF-8."""
    tried = partial(pattern.sub, "") if way == "sub" else getattr(pattern, way)
    return tried if isinstance(pattern.pattern, str) else lambda text: tried(text.encode(errors="surrogatepass"))


pytestmark = pytest.mark.slow
PATTERNS = patterns_of_the_project()


def nanoseconds(work: Callable[[str], object], text: str) -> int:
    """The least that it took of the processor."""
    began = time.thread_time_ns()
    work(text)
    return time.thread_time_ns() - began


def growth(work: Callable[[str], object], seed: str, ending: str) -> float:
    """How many times as long `work` takes for TIMES the text; the least of several tries."""
    short, long = (seed * (length // len(seed)) + ending for length in (SHORT, SHORT * TIMES))
    least = float("inf")
    took_short, took_long = [], []
    for _ in range(TRIES):
        took_short.append(nanoseconds(work, short))
        took_long.append(nanoseconds(work, long))
        least = min(took_long) / max(1, min(took_short))
        if min(took_long) < BRIEF or least < LINEAR:
            return min(least, TIMES)
    return least


def assert_linear(work: Callable[[str], object]) -> None:
    for seed, ending in itertools.product(SEEDS, ENDINGS):
        grew = growth(work, seed, ending)
        assert grew < LINEAR, f"{seed + '…' + ending!r} took {grew:.0f} times as long for {TIMES} times the text"


def test_the_patterns_are_found():
    assert {
        ("notificacao.personal_data._EMAIL", "search"),
        ("notificacao.personal_data._CPF", "finditer"),
        ("notificacao.eventlog._CURSOR", "fullmatch"),
        ("notificacao.texts._HTTPS", "match"),
        ("semtas.middleware._REQUEST_ID", "fullmatch"),
    } <= PATTERNS.keys()


def test_every_pattern_is_kept_by_a_module_where_it_is_found():
    """A pattern within a function would be tried by nobody."""
    hidden = []
    for file in Path(notificacao.__path__[0]).rglob("*.py"):
        functions = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef))
        calls = (node for function in functions for node in ast.walk(function) if isinstance(node, ast.Call))
        hidden += [f"{file.name}:{c.lineno}" for c in calls if ast.unparse(c.func).startswith("re.")]
    assert hidden == []


@pytest.mark.parametrize("pattern", PATTERNS, ids=".".join)
def test_every_pattern_takes_time_in_proportion_to_the_text(pattern):
    assert_linear(lambda text: _exhausted(PATTERNS[pattern](text)))


def _exhausted(found: object) -> object:
    """What `finditer` has to say is said as it is asked for."""
    return list(found) if isinstance(found, Iterator) else found


def understood(work: Callable[[str], object]) -> Callable[[str], object]:
    def tried(text: str) -> None:
        with contextlib.suppress(ValueError):
            work(text)

    return tried


@pytest.mark.parametrize(
    "work",
    [
        personal_data.found_in,
        texts.plain,
        texts.one_line,
        texts.link,
        lambda text: texts.data({"texto": text}),
        search.fold,
        eventlog.Cursor.parse,
        lambda text: login_word.session_key_in({"sessionid": text}),
        lambda text: audit.address_in({"client": (text, 0)}),
    ],
    ids=["personal data", "plain", "one line", "link", "data", "fold", "cursor", "session key", "address"],
)
def test_everything_that_reads_outside_text_takes_time_in_proportion_to_it(work):
    assert_linear(understood(work))
