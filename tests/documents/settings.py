"""Hold settings, their values and numbers against semtas/settings.py and what the scripts read."""

import contextlib
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.conf import global_settings
from django.core.exceptions import ImproperlyConfigured

from tests.documents import product
from tests.documents.product import ROOT
from tests.settings_file import run_settings

_SETTING = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|DEBUG|DISPATCHER|WAKES|SOCKUDO|PYTHON|DJANGO|CI)(?:=(\S*))?")
_NAME_THEN_NUMBER = re.compile(r"`([A-Z][A-Z0-9_]+)` \((\d[\d,]*)(?=[;,) ])")
_NUMBER_THEN_NAME = re.compile(r"\b(\d[\d,]*) [\w ]{0,12}\(`([\w.]+)`\)")


def is_setting(text: str) -> bool:
    return bool(_SETTING.fullmatch(text))


@cache
def documented() -> frozenset[str]:
    return frozenset(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


@cache
def read_by_scripts() -> frozenset[str]:
    """The environment that a script reads: `$NAME`, `${NAME…}`, `os.environ["NAME"]`, `os.environ.get("NAME")`."""
    texts = [path.read_text() for path in [*(ROOT / "script").iterdir(), ROOT / "tests" / "groups.py"]]
    names = re.findall(r"\$\{?([A-Z][A-Z_]+)|environ(?:\.get\(|\[)\"([A-Z_]+)\"", "\n".join(texts))
    return frozenset(name for pair in names for name in pair if name)


def judge(text: str) -> str:
    """Return what is wrong with `NAME` or `NAME=value`; nothing where it is read and takes that value."""
    found = _SETTING.fullmatch(text)
    assert found, text
    name, value = found.groups()
    if name in documented():
        return _refused(name, value) if value else ""
    ours = name in read_by_scripts() or name in loaded() or hasattr(global_settings, name)
    if ours or (value is None and product.says(name)):
        return ""
    return "no setting, no constant, and no script reads it"


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """As a process without any setting but `values` would have it."""
    kept = {name: os.environ.pop(name) for name in documented() if name in os.environ}
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name)
        os.environ.update(kept)


@cache
def loaded() -> dict[str, Any]:
    """The settings as they are by default."""
    with _environment():
        return run_settings()


def _refused(name: str, value: str) -> str:
    try:
        with _environment(**{name: value}):
            run_settings()
    except ImproperlyConfigured as error:
        return f"the start is refused: {error}"
    return ""


def numbers(text: str) -> Iterator[tuple[int, str, str]]:
    """Each number that stands beside a setting's or a constant's name, with its offset, and what is wrong with it."""
    for found in _NAME_THEN_NUMBER.finditer(text):
        yield found.start(), found[0], _another(found[1], found[2])
    for found in _NUMBER_THEN_NAME.finditer(text):
        yield found.start(), found[0], _another(found[2], found[1])


def _another(name: str, number: str) -> str:
    value = loaded()[name] if name in loaded() else product.number(name)
    if value is None:
        return ""  # what has no number is another rule's
    values = value if isinstance(value, tuple) else (value,)
    return "" if int(number.replace(",", "")) in values else f"{name} is {value}"
