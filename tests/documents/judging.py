"""Find what a document says and the project does not keep."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from tests.documents import addresses, commands, examples, files, links, names, others, product, settings
from tests.documents.commands import Known
from tests.documents.markdown import Document, Fence, Said
from tests.documents.product import ROOT

_MEDIA_TYPE = re.compile(r"(?:application|text)/[\w.+-]+")
_RULE = re.compile(r"\brules?\s+\d+")
_DECISION = re.compile(r"\bdecisions?\s+(\d+)")
_CHECK = re.compile(r"\b[EW]\d{3}\b")


class Finding(NamedTuple):
    """One thing that is not so: where it stands, and why it is thought false."""

    document: str
    line: int
    text: str
    why: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}: {self.text}: {self.why}"


def findings(document: Document, to_pytest: Known) -> list[Finding]:
    """Return all that is false but the labels of pages, which need the pages (`labels.findings`)."""
    found = [
        *((said, judge(said, to_pytest)) for said in document.codes if not document.brings(said.text)),
        *((said, links.judge(document.path, said.text)) for said in document.links),
        *(pair for fence in document.fences if not fence.title for pair in _in_fence(document, fence, to_pytest)),
        *_in_prose(document),
    ]
    return [Finding(said.document, said.line, said.text, why) for said, why in found if why]


def judge(said: Said, to_pytest: Known) -> str:
    """Judge one thing in back-quotes by the first kind that it looks like; return nothing where it is so."""
    text = said.text
    others_beside = [each for each in said.beside if each != text]
    kinds: tuple[tuple[bool, Callable[[], str]], ...] = (
        (text in others.named(), lambda: ""),
        (addresses.is_address(text), lambda: addresses.judge(text)),
        (settings.is_setting(text), lambda: settings.judge(text)),
        (commands.is_option(text), lambda: commands.judge_option(text, others_beside, to_pytest)),
        (commands.is_command(text), lambda: commands.judge(text, to_pytest)),
        (files.is_test(text), lambda: files.judge_test(text)),
        (_is_path(text), lambda: files.judge(text, others_beside)),
        (bool(names.metrics_in(text)), lambda: _first(map(names.judge_metric, names.metrics_in(text)))),
        (True, lambda: names.judge(text)),
    )
    return next(judge_so for claimed, judge_so in kinds if claimed)()


def _is_path(text: str) -> bool:
    return files.is_path(text) and not _MEDIA_TYPE.fullmatch(text) and text not in product.constants()


def _first(whys: Iterable[str]) -> str:
    return next(filter(None, whys), "")


def _in_fence(document: Document, fence: Fence, to_pytest: Known) -> Iterator[tuple[Said, str]]:
    where, made = fence.said, {other.title for other in document.fences if other.title}
    for offset, address in addresses.within(where.text):
        yield _at(where, where.text, offset, address), addresses.judge(address)
    if fence.language in commands.SHELLS:
        for number, line in commands.lines(commands.SHELLS[fence.language](where.text)):
            there = " ".join(word for word in line.split(" ") if word not in made)
            yield Said(where.document, where.line + number, line), commands.judge(there, to_pytest)
    for offset, word, why in examples.unknown(fence.language, where.text):
        yield _at(where, where.text, offset, word), why


def _in_prose(document: Document) -> Iterator[tuple[Said, str]]:
    whole = Said(document.path, 1, "")
    for found in _RULE.finditer(document.prose):
        yield (
            _at(whole, document.prose, found.start(), found[0]),
            "no document here numbers rules: say the thing itself",
        )
    for found in _DECISION.finditer(document.prose):
        why = "" if found[1] in _decisions() else "docs/decisions.md has no such number"
        yield _at(whole, document.prose, found.start(), found[0]), why
    for found in _CHECK.finditer(document.prose):
        why = "" if f"notificacao.{found[0]}" in product.constants() else "no check has that id"
        yield _at(whole, document.prose, found.start(), found[0]), why
    for offset, text, why in settings.numbers(document.text):
        yield _at(whole, document.text, offset, text), why


@cache
def _decisions() -> frozenset[str]:
    return frozenset(re.findall(r"^## (\d+)\.", (ROOT / "docs" / "decisions.md").read_text(), re.MULTILINE))


def _at(where: Said, text: str, offset: int, what: str) -> Said:
    return Said(where.document, where.line + text.count("\n", 0, offset), " ".join(what.split()))


def in_comments(name: str, text: str) -> list[Finding]:
    """Return what the code's own comments say of documents and rules that there are not."""
    found = []
    for match in re.finditer(r"(?<![\w/.*-])([\w/-]+\.md)\b|\brules? \d+", text):
        why = files.judge(match[1]) if match[1] else "no document here numbers rules: say the thing itself"
        if why:
            found.append(Finding(name, text.count("\n", 0, match.start()) + 1, match[0], why))
    return found
