"""The project: settings, addresses, ASGI, and which version it is."""

import re
from pathlib import Path

_UNRELEASED = re.compile(r"^## Unreleased\n\s*(?!## )\S", re.MULTILINE)  # a heading with something below it
_RELEASED = re.compile(r"^## (\d+\.\d+\.\d+)\b", re.MULTILINE)


def version_of(changelog: str) -> str:
    """Return the newest version that `changelog` names; with `+dev` where something is not released yet."""
    released = _RELEASED.search(changelog)
    version = released[1] if released else "0.0.0"
    return f"{version}+dev" if _UNRELEASED.search(changelog) else version


__version__ = version_of((Path(__file__).resolve().parent.parent / "CHANGELOG.md").read_text(encoding="utf-8"))
