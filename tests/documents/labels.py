"""Hold what a document calls a page's label, «so», against the rendered pages and what the code says later.

What is stressed in another way, by quotation marks or asterisks, has the words of the documents' own sentences and of
the code's docstrings, which are English: a label is to be found by its marks.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from html.parser import HTMLParser

from tests.documents import others, product
from tests.documents.judging import Finding
from tests.documents.markdown import Document, Said
from tests.documents.product import ROOT

_MARKED = re.compile(r"«([^»\n]+)»")
_QUOTED = re.compile(r'"([^"\n]+)"')
_COMMENT = re.compile(r"(?:^|\s)#\s[^\n]*", re.MULTILINE)
_WORD = re.compile(r"[A-Za-zÀ-ú][a-zà-ú]+")
_ENDING = " .:!?…"
_READ = ("placeholder", "title", "aria-label", "alt")


class Texts(HTMLParser):
    """Each text that a page shows, and where its links lead."""

    def __init__(self, html: str):
        super().__init__()
        self.shown: set[str] = set()
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        attributes = dict(attrs)
        read = (*_READ, "value") if attributes.get("type") in ("submit", "button") else _READ
        self.shown |= {_plain(attributes[name]) for name in read if attributes.get(name)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])

    def handle_data(self, data) -> None:
        self.shown.add(_plain(data))


def shown(client, begin: Iterable[str], within: str, most: int = 60) -> set[str]:
    """Return what the pages say that `client` reaches from `begin` by links that start with `within`.

    Of pages that are alike but for what they show (two people, two units) the first is read.
    """
    ahead, seen, texts = list(begin), set(), set()
    while ahead:
        address = ahead.pop(0).partition("#")[0]
        kind = re.sub(r"/[^/]+(?=/change/$)|/[0-9a-f-]{36}(?=/)", "/…", address)
        if kind in seen or re.search(r"logout|/(?:delete|history|jsi18n)/", address):
            continue
        seen.add(kind)
        assert len(seen) <= most, f"over {most} pages: {address}"
        answer = client.get(address)
        if answer.status_code == 200 and "html" in answer["Content-Type"]:
            page = Texts(answer.content.decode())
            texts |= page.shown
            ahead += [link for link in page.links if link.startswith(within) and "?" not in link]
    return texts


@cache
def said_later() -> frozenset[str]:
    """Return what an event or an act brings up: strings of the code below the pages, and the catalogues' msgids."""
    catalogues = [path.read_text() for path in (ROOT / "locale").rglob("*.po")]
    collected = re.findall(r'^msgid(?:_plural)? "(.+)"$', "\n".join(catalogues), re.MULTILINE)
    return frozenset(map(_plain, [*product.constants_below_the_pages(), *collected]))


def findings(documents: Iterable[Document], rendered: set[str]) -> list[Finding]:
    documents = list(documents)
    known = rendered | said_later() | others.named()
    told = [docstring for module in product.modules() for docstring in module.told]
    english = {word.lower() for text in (*told, *(each.prose for each in documents)) for word in _WORD.findall(text)}
    found = [
        *((said, _judge_label(said.text, known)) for document in documents for said in _labels(document)),
        *((said, _judge_stressed(said.text, english)) for document in documents for said in _stressed(document)),
    ]
    return [Finding(said.document, said.line, said.text, why) for said, why in found if why]


def _judge_label(text: str, known: set[str]) -> str:
    parts = (text, *text.split(": "))
    if _plain(parts[0]) in known or (len(parts) > 2 and all(_plain(part) in known for part in parts[1:])):
        return ""
    return "no page shows it, and the code never says it"


def _judge_stressed(text: str, english: set[str]) -> str:
    unknown = [word for word in _WORD.findall(text) if not _is_english(word.lower(), english)]
    return f"{', '.join(unknown)}: no word of these documents; a label of a page is marked «so»" if unknown else ""


def _is_english(word: str, english: set[str]) -> bool:
    return word in english or (len(word) > 5 and any(known.startswith(word) for known in english))


def _labels(document: Document) -> Iterator[Said]:
    yield from (said for said in document.labels if not document.brings(said.text))
    for fence in document.fences:
        if not fence.title:
            yield from _in_fence(fence.said, _MARKED, fence.said.text)


def _stressed(document: Document) -> Iterator[Said]:
    yield from document.stressed
    for fence in document.fences:
        if fence.language == "sh":
            for comment in _COMMENT.finditer(fence.said.text):
                yield from _in_fence(fence.said, _QUOTED, comment[0], comment.start())


def _in_fence(where: Said, pattern: re.Pattern, text: str, before: int = 0) -> Iterator[Said]:
    for found in pattern.finditer(text):
        yield Said(where.document, where.line + where.text.count("\n", 0, before + found.start()), found[1])


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(_ENDING)
