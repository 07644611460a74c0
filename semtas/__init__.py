"""The project: settings, addresses, ASGI, and which version it is."""

import re
from pathlib import Path

_HEADINGS = re.compile(r"^## (?:(Unreleased)|(\d+\.\d+\.\d+)\b)", re.MULTILINE)


def version_of(changelog: str) -> str:
    """Return the newest version that `changelog` names; with `+dev` where something is not released yet."""
    headings = _HEADINGS.findall(changelog)
    released = next((number for _, number in headings if number), "0.0.0")
    return f"{released}+dev" if headings and headings[0][0] else released


__version__ = version_of((Path(__file__).resolve().parent.parent / "CHANGELOG.md").read_text(encoding="utf-8"))
