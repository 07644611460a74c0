"""Read the texts of pages as they are rendered.

What a page shows counts: a string in some file that no page brings up proves no label.
"""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.test import Client

_HEADINGS = ("h1", "h2", "h3")
_READ = ("placeholder", "title", "aria-label", "alt")
RUNBOOK = "/admin/plantao/"  # it is one of the papers, and what it says of labels proves none
_NOT_FOLLOWED = re.compile(rf"logout|sair|/(?:delete|history|jsi18n)/|^{RUNBOOK}|/csv/")
_ALIKE = re.compile(r"/[^/]+(?=/change/$|/reach/$|/send-again/$)|/[0-9a-f-]{36}(?=/)|/SOL-\d+(?=/)")
_IMPORTED = re.compile(r'(?:^|\n)(?:import|export)\b[^;]*?"(\.[^"]+)"|\bimport\("(\.[^"]+)"\)')
_SAID = re.compile(r'gettext\(\s*"((?:[^"\\]|\\.)+)"(?:\s*,\s*"((?:[^"\\]|\\.)+)")?')
_OF_A_BELL = re.compile(r"const PORTUGUESE = \{(.*?)\n\};", re.DOTALL)


class Texts(HTMLParser):
    """Read what a page shows, or gives its scripts as JSON; where its links lead; which scripts it loads."""

    def __init__(self, html: str):
        super().__init__()
        self.shown: set[str] = set()
        self.headings: set[str] = set()
        self.links: list[str] = []
        self.scripts: list[str] = []
        self._within = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        attributes = dict(attrs)
        read = (*_READ, "value") if attributes.get("type") in ("submit", "button") else _READ
        self.shown |= {plain(attributes[name]) for name in read if attributes.get(name)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if tag == "script":
            self.scripts += [attributes["src"]] if attributes.get("src") else []
        if tag in _HEADINGS:
            self._within = "heading"
        if tag in ("script", "style"):
            self._within = "json" if attributes.get("type") == "application/json" else "code"

    def handle_endtag(self, tag) -> None:
        if tag in ("script", "style", *_HEADINGS):
            self._within = ""

    def handle_data(self, data) -> None:
        if self._within == "json":
            self.shown |= {plain(text) for text in _strings(json.loads(data))}
        elif self._within != "code":
            self.shown.add(plain(data))
            self.headings |= {plain(data)} if self._within == "heading" else set()


def plain(text: str) -> str:
    """Return a text as it is compared: in one line, without its last punctuation, each number as 0."""
    return re.sub(r"\d+(?:[.,:/]\d+)*", "0", " ".join(text.split()).strip(" .:!?…"))


def _strings(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        data = [*data.values()]
    if isinstance(data, list):
        for each in data:
            yield from _strings(each)
    elif isinstance(data, str):
        yield data


class Eyes:
    """See pages, and keep what they showed and which scripts they loaded."""

    def __init__(self):
        self.shown: set[str] = set()
        self.scripts: set[str] = set()

    def see(self, answer) -> Texts | None:
        """Read one answer; return its page, or None where it is none."""
        if "html" not in answer.headers.get("Content-Type", ""):
            return None
        page = Texts(answer.content.decode())
        self.shown |= page.shown
        self.scripts |= set(page.scripts)
        return page

    def walk(self, client: Client, *begin: str, within: str, most: int = 80) -> None:
        """Follow the links that start with `within`; of pages that differ but in what they show the first is read."""
        ahead, seen = list(begin), set()
        while ahead:
            address = ahead.pop(0).partition("#")[0]
            kind = _ALIKE.sub("/…", address)
            if kind in seen or _NOT_FOLLOWED.search(address):
                continue
            seen.add(kind)
            assert len(seen) <= most, f"over {most} pages: {address}"
            if page := self.see(client.get(address)):
                ahead += [link for link in page.links if link.startswith(within) and "?" not in link]

    def words_of_scripts(self) -> set[str]:
        """Return what the scripts that these pages load, and those which they import, hand to the page as words."""
        ahead, read, words = [each.removeprefix("/static/") for each in self.scripts], set(), set()
        while ahead:
            name = ahead.pop()
            if name in read or not name.startswith("notificacao/"):
                continue
            read.add(name)
            code = Path(finders.find(name)).read_text()
            words |= {plain(text) for pair in _SAID.findall(code) for text in pair if text}
            words |= {plain(text) for bell in _OF_A_BELL.findall(code) for text in re.findall(r'"([^"]+)"', bell)}
            ahead += [_beside(name, other) for pair in _IMPORTED.findall(code) for other in pair if other]
        return words


def _beside(name: str, other: str) -> str:
    return str((Path("/") / name).parent.joinpath(other).resolve()).removeprefix("/")
