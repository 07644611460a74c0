"""Exempt the left column of docs/renames.md, the one place where a document names what is no longer there."""

import re
from collections.abc import Iterator
from pathlib import Path

_OLD = re.compile(r"^\|[^|\n]*(?=\|)", re.MULTILINE)
_PATH = re.compile(r"^\| `(notificacao/[\w/]+\.py|tests/[\w/.]+\.(?:py|js))` \|", re.MULTILINE)


def without_old_names(path: Path, text: str) -> str:
    """Return `text` with the left column of its tables blank if `path` is docs/renames.md, else as it is.

    Lines and columns stay where they are, so that findings name the right line.
    """
    return _OLD.sub(_blank, text) if (path.parent.name, path.name) == ("docs", "renames.md") else text


def _blank(found: re.Match) -> str:
    return "|" + " " * (len(found[0]) - 1)


def old_paths(text: str) -> Iterator[str]:
    """Yield each old path, from the root, that the left column of docs/renames.md names in full."""
    for found in _PATH.finditer(text):
        yield found[1]
