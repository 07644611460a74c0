"""Hold what a document calls a page's label, «so», against the rendered pages (`scenes.py`).

What is stressed in another way, by quotation marks or asterisks, has the words of the documents' own sentences and of
the code's docstrings, which are English: a label is to be found by its marks.
"""

import difflib
import re
from collections.abc import Iterable, Iterator

from tests.documents import others, product
from tests.documents.judging import Finding
from tests.documents.markdown import Document, Said
from tests.documents.pages import plain

_MARKED = re.compile(r"«([^»\n]+)»")
_QUOTED = re.compile(r'"([^"\n]+)"')
_COMMENT = re.compile(r"(?:^|\s)#\s[^\n]*", re.MULTILINE)
_WORD = re.compile(r"[A-Za-zÀ-ú][a-zà-ú]+")


def findings(documents: Iterable[Document], rendered: set[str]) -> list[Finding]:
    documents = list(documents)
    known = _pieces(rendered) | {plain(text) for text in others.named()}
    told = [docstring for module in product.modules() for docstring in module.told]
    english = {word.lower() for text in (*told, *(each.prose for each in documents)) for word in _WORD.findall(text)}
    found = [
        *((said, _judge_label(said.text, known)) for document in documents for said in _labels(document)),
        *((said, _judge_stressed(said.text, english)) for document in documents for said in _stressed(document)),
    ]
    return [Finding(said.document, said.line, said.text, why) for said, why in found if why]


def _pieces(texts: set[str]) -> set[str]:
    """Return the texts, each of their sentences, and of these what stands before and behind a colon or a bracket."""
    sentences = {plain(piece) for text in texts for piece in re.split(r"(?<=[.!?]) ", text)}
    return (
        texts | sentences | {plain(piece) for each in sentences for piece in re.split(r": | \(|, ", each, maxsplit=1)}
    )


def _judge_label(text: str, known: set[str]) -> str:
    parts = (text, *text.split(": "))
    if plain(parts[0]) in known or (len(parts) > 2 and all(plain(part) in known for part in parts[1:])):
        return ""
    like = difflib.get_close_matches(plain(text), known, n=1, cutoff=0.7)
    return f"no page shows it{f'; one shows «{like[0]}»' if like else ''}"


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
