"""Exempt the two places where a document names what is not there: old names in docs/renames.md, the plan's words."""

import re
from collections.abc import Iterator
from pathlib import Path

_OLD = re.compile(r"^\|[^|\n]*(?=\|)", re.MULTILINE)
# What stands before the arrow of a line of docs/plano.md is the plan's, which was written for another technology.
_PLANS = re.compile(r"^( *- \[[ x]\] )(.+?)(?= → )", re.MULTILINE)
_PATH = re.compile(r"^\| `(notificacao/[\w/]+\.py|tests/[\w/.]+\.(?:py|js))` \|", re.MULTILINE)


def without_old_names(path: Path, text: str) -> str:
    """Return `text` with what is exempt blank: renames.md's left column, the plan's words in plano.md.

    Lines and columns stay where they are, so that findings name the right line.
    """
    match path.parts[-2:]:
        case ("docs", "renames.md"):
            return _OLD.sub(_blank, text)
        case ("docs", "plano.md"):
            return _PLANS.sub(lambda found: found[1] + " " * len(found[2]), text)
    return text


def _blank(found: re.Match) -> str:
    return "|" + " " * (len(found[0]) - 1)


def old_paths(text: str) -> Iterator[str]:
    """Yield each old path, from the root, that the left column of docs/renames.md names in full."""
    for found in _PATH.finditer(text):
        yield found[1]
