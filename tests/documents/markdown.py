"""Take a Markdown document apart into what it quotes: code, labels of pages, emphasised words, links, fenced blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.documents import renames

_FENCE = re.compile(r'^[ ]*```(\w*)(?: title="([^"]+)")?\n(.*?)^[ ]*```[ ]*$', re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)(`+)(?!`)((?:(?!\n\s*\n).)+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_LABEL = re.compile(r"«([^»]+)»")
_QUOTED = re.compile(r'"([^"\n]+(?:\n(?!\s*\n)[^"\n]+)?)"')
_EMPHASISED = re.compile(r"(?<![*\w])\*([^*\s][^*\n]*)\*(?![*\w])")
_BLOCK = re.compile(r"\n(?=\s*\n|\s*[|]|\s*- |\s*\d+\. )")


@dataclass(frozen=True)
class Said:
    """One thing that a document says. `beside`: the other things in back-quotes of the same paragraph, item or row."""

    document: str
    line: int
    text: str
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fence:
    """One fenced block, with the language that stands at its head. `title`: the file that its reader makes or edits."""

    language: str
    said: Said
    title: str = ""


@dataclass
class Document:
    """All that one document quotes. `text` is it without fenced blocks, `prose` also without all that is quoted."""

    path: str
    codes: list[Said] = field(default_factory=list)
    labels: list[Said] = field(default_factory=list)
    stressed: list[Said] = field(default_factory=list)
    links: list[Said] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)
    text: str = ""
    prose: str = ""

    def brings(self, text: str) -> bool:
        """Tell whether its reader makes `text`: a file that has a block here, or words of such a block."""
        word = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
        return any(text == fence.title or word.search(fence.said.text) for fence in self.fences if fence.title)


def read(path: Path, root: Path) -> Document:
    return parse(renames.without_old_names(path, path.read_text()), path.relative_to(root).as_posix())


def parse(text: str, path: str) -> Document:
    document = Document(path)
    for found in _FENCE.finditer(text):
        said = _said(path, text, found.start(3), found[3])
        document.fences.append(Fence(found[1], said, found[2] or ""))
    rest = document.text = _FENCE.sub(_blank, text)
    for start, block in _blocks(rest):
        codes = [_as_line(found[2]) for found in _CODE.finditer(block)]
        for found in _CODE.finditer(block):
            document.codes.append(_said(path, rest, start + found.start(), _as_line(found[2]), tuple(codes)))
    rest = _CODE.sub(_blank, rest)
    for pattern, where in ((_LINK, document.links), (_LABEL, document.labels)):
        where.extend(_said(path, rest, found.start(), _as_line(found[1])) for found in pattern.finditer(rest))
        rest = pattern.sub(_blank, rest)
    for pattern in (_QUOTED, _EMPHASISED):
        found_here = pattern.finditer(rest)
        document.stressed.extend(_said(path, rest, found.start(), _as_line(found[1])) for found in found_here)
        rest = pattern.sub(_blank, rest)
    document.prose = rest
    return document


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Each paragraph, item or row with its offset."""
    start = 0
    for cut in [*(found.end() for found in _BLOCK.finditer(text)), len(text)]:
        yield start, text[start:cut]
        start = cut


def _said(path: str, text: str, offset: int, what: str, beside: tuple[str, ...] = ()) -> Said:
    return Said(path, text.count("\n", 0, offset) + 1, what, beside)


def _as_line(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text).replace("\\|", "|")


def _blank(found: re.Match) -> str:
    """As much of nothing: what comes after keeps its line."""
    return re.sub(r"[^\n]", " ", found[0])
