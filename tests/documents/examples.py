"""Hold the examples in fenced blocks against the words of the product: keys of JSON, names in scripts and tags."""

import json
import keyword
import re
from collections.abc import Iterator

from tests.documents import product

_KEY = re.compile(r'"(\w+)":')
_NAME = re.compile(r"(?<![\w\"'’-])[A-Za-z_]\w+")
_QUIET = {
    "python": re.compile(r"#[^\n]*|\"[^\"\n]*\"|'[^'\n]*'"),
    "js": re.compile(r"//[^\n]*|\"[^\"\n]*\"|'[^'\n]*'"),
}
_KEYWORDS = {"python": set(keyword.kwlist), "js": set()}


def unknown(language: str, text: str) -> Iterator[tuple[int, str, str]]:
    """Each word of an example that the product does not have, with its offset and why it is thought false."""
    if language in ("json", "sh"):
        for found in _KEY.finditer(text):
            if found[1] not in product.words():
                yield found.start(), found[0], "the product has no such key"
    if language == "json":
        try:
            json.loads(text)
        except ValueError as error:
            yield 0, text.strip().splitlines()[0], f"it is no JSON: {error}"
    if language in _QUIET:
        code = _QUIET[language].sub(lambda found: " " * len(found[0]), text)
        for found in _NAME.finditer(code):
            if found[0] not in product.words() | _KEYWORDS[language]:
                yield found.start(), found[0], "the product has no such name"
    if language == "html":
        for found in re.finditer(r"<([a-z][\w-]+)|\{% (\w+)|([a-z-]+)=\"", text):
            word = next(filter(None, found.groups()))
            if not product.says(word):
                yield found.start(), word, "the product has no such tag or attribute"
