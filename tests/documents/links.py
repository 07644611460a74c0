"""Hold links between documents against the files and headings that they lead to."""

import re
from pathlib import PurePosixPath

from tests.documents.product import ROOT


def judge(document: str, target: str) -> str:
    """Return what is wrong with a relative link; nothing where it leads somewhere, or out of the project."""
    if re.match(r"[a-z]+:", target):
        return ""
    path, _, fragment = target.partition("#")
    file = ROOT / (PurePosixPath(document).parent / path if path else document)
    if not file.exists():
        return "it leads to no file"
    if fragment and fragment not in anchors(file.read_text()):
        return "that document has no such heading"
    return ""


def anchors(text: str) -> set[str]:
    """The fragments that GitHub gives the headings of a document."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
