"""Read a `.env` file. Whatever in it is not understood stops the start, by line and name.

Every line is blank, a comment, or `NAME=value`. A value is taken as it is: nothing in it is replaced, and quotes around
it are only needed for blanks at its ends and for ` #` within it.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_LINE = re.compile(r"(?:export )?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_QUOTED = re.compile(r"'(?P<literal>[^']*)'|\"(?P<plain>[^\"\\]*)\"")


class Variables(dict[str, str]):
    """Hold the variables for the library that reads them, and note in `asked` which it asked for.

    The library takes a value that begins with `$` for another variable's name, unless a backslash is before the `$`:
    each gets one here, and the library takes it away.
    """

    def __init__(self, values: Mapping[str, str]):
        super().__init__({name: value.replace("$", r"\$") for name, value in values.items()})
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)


class EnvFile:
    """Hold the values of one file, and the line of each. `path` is None where there is no file."""

    def __init__(self, path: Path):
        text = _text(path)
        self.path = None if text is None else path
        self.values: dict[str, str] = {}
        self._lines: dict[str, int] = {}
        for number, line in enumerate((text or "").split("\n"), start=1):
            self._add(path, number, line.removesuffix("\r"))

    def _add(self, path: Path, number: int, line: str) -> None:
        if not line.strip() or line.lstrip().startswith("#"):
            return
        where = f"{path}, line {number}"
        found = _LINE.fullmatch(line)
        if not found:
            word = re.match(r"[\s\ufeff]*(?:export\s+)?(\w*)", line)
            what = f" ({word[1]})" if word and word[1] else ""
            raise ImproperlyConfigured(f"{where}{what} is not understood: write NAME=value, without blanks before `=`.")
        name, value = found["name"], found["value"]
        if name in self._lines:
            raise ImproperlyConfigured(f"{where}: {name} is set already in line {self._lines[name]}: keep one of them.")
        self._lines[name] = number
        self.values[name] = _value(f"{where}: {name}", value)

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Raise ImproperlyConfigured for the first name that is none of `known`, with the one that may be meant."""
        for name, number in self._lines.items():
            if name not in known:
                near = difflib.get_close_matches(name.upper(), sorted(known), n=1)
                hint = f"Is {near[0]} meant?" if near else "See .env.example for all names."
                raise ImproperlyConfigured(f"{self.path}, line {number}: {name} is no setting. {hint}")


def _text(path: Path) -> str | None:
    """Return what is in the file; None where there is none. A file that cannot be read is never taken for none."""
    try:
        return path.read_text(encoding="utf-8-sig") if path.exists() or path.is_symlink() else None
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read as a file in UTF-8: {error}.") from error


def _value(where: str, value: str) -> str:
    """Return `value` without the quotes around it. The values of secrets are never told."""
    value = value.strip(" \t")
    if _CONTROL.search(value):
        raise ImproperlyConfigured(f"{where} holds a control character.")
    if value[:1] in ("'", '"'):
        quoted = _QUOTED.fullmatch(value)
        if not quoted:
            raise ImproperlyConfigured(
                f"{where} is not understood: quotes begin and end a value, and none are within it. "
                "Single quotes take a backslash as it is."
            )
        return quoted["plain"] if quoted["literal"] is None else quoted["literal"]
    if re.search(r"\s#", value):
        raise ImproperlyConfigured(f"{where} is not understood: write the comment in a line of its own, or quotes.")
    return value
