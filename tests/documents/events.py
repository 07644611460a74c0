"""Read which events the code logs, and which of them docs/logs.md tells of."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.documents.product import ROOT

DOCUMENT = ROOT / "docs" / "logs.md"
LEVELS = {name: name for name in ("debug", "info", "warning", "error", "critical")} | {"exception": "error"}
_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.+) \|$", re.MULTILINE)


class Event(NamedTuple):
    """One event as it is logged somewhere."""

    name: str
    level: str
    fields: frozenset[str]


def logged() -> set[Event]:
    """Return what `logger.<level>("event", field=…)` says anywhere in the code."""
    files = (path for folder in ("notificacao", "semtas") for path in (ROOT / folder).rglob("*.py"))
    return {event for path in files for event in events_in(path.read_text())}


def events_in(text: str) -> Iterator[Event]:
    """Yield the events that the Python `text` logs. Raises AssertionError where one has no name that can be read."""
    for call in ast.walk(ast.parse(text)):
        match call:
            case ast.Call(func=ast.Attribute(value=ast.Name("logger"), attr=level), args=[event]) if level in LEVELS:
                fields = frozenset(str(word.arg) for word in call.keywords)
                assert "None" not in fields, f"line {call.lineno} logs fields without names"
                for name in _names(event):
                    yield Event(name, LEVELS[level], fields)
            case ast.Call(func=ast.Attribute(value=ast.Name("logger"))):
                raise AssertionError(f"line {call.lineno} logs something else than one event with fields")


def _names(event: ast.expr) -> Iterator[str]:
    match event:
        case ast.Constant(str(name)):
            yield name
        case ast.IfExp(body=one, orelse=other):
            yield from (*_names(one), *_names(other))
        case _:
            raise AssertionError(f"line {event.lineno} logs an event whose name is made up: write it out")


def documented() -> list[Event]:
    """Return the rows of the document."""
    rows = _ROW.findall(DOCUMENT.read_text())
    return [Event(name, level, frozenset(re.findall(r"`(\w+)`", fields))) for name, level, fields, _ in rows]
