"""Hold paths against the tree."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from tests.documents.product import ROOT

# Where a path of the documents may begin, in this order.
_BASES = ("", "notificacao", "notificacao/static", "notificacao/static/notificacao")
_PASSED_OVER = re.compile(r"\.(?!ci$|env\.example$|git[a-z]+$).*|node_modules|var|__pycache__|mutants")
_SUFFIX = re.compile(r"\.(?:py|js|mjs|ts|md|html|css|json|toml|txt|po|mo|png|svg|example|lock)$")
_TEST = re.compile(r"(tests/[\w/]+\.py)::(test_\w+)")
_PATH = re.compile(r"\.?[\w<>*][\w.<>*-]*(?:/[\w.<>*-]+)*/?")


def is_path(text: str) -> bool:
    return bool(_PATH.fullmatch(text)) and ("/" in text or bool(_SUFFIX.search(text)))


def is_test(text: str) -> bool:
    return bool(_TEST.fullmatch(text))


def judge_test(text: str) -> str:
    """Return what is wrong with `tests/path.py::test_name`; nothing where that file defines it."""
    path, _, name = text.partition("::")
    if why := judge(path):
        return why
    defined = re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
    return "" if defined else "that file defines no such test"


@cache
def _tree() -> tuple[Path, ...]:
    return tuple(_below(ROOT))


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if not _PASSED_OVER.fullmatch(path.name):
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from _below(path)


def judge(text: str, beside: Iterable[str] = ()) -> str:
    """Return what is wrong with a path; nothing where it is there. `<name>` and `*` stand for any name.

    A bare name lies in the root, in notificacao/, among its static files, or where another path of the same paragraph
    lies. The name of a test may lie anywhere, since there is one of each.
    """
    pattern = re.sub(r"<\w+>", "*", text)
    folders = {path.rpartition("/")[0] for path in beside if is_path(path) and "/" in path}
    if any(_is_there(base, pattern) for base in (*_BASES, *(f"{base}/{each}" for base in _BASES for each in folders))):
        return ""
    if "/" in text.rstrip("/"):
        return "there is no such path below the root, notificacao/ or its static files"
    named_so = [path.relative_to(ROOT).as_posix() for path in _tree() if path.name == text.rstrip("/")]
    if len(named_so) == 1 and text.startswith("test_"):
        return ""
    return f"say where it lies: {', '.join(named_so)}" if named_so else "nothing in the tree has that name"


def _is_there(base: str, pattern: str) -> bool:
    folder = ROOT / base.removeprefix("/")
    if "*" in pattern:
        return any(folder.glob(pattern))
    return (folder / pattern).is_dir() if pattern.endswith("/") else (folder / pattern).exists()
