"""docs/plano.md: every box of the user's plan is there, in its words, with a proof or a reason.

That each proof is there (file, heading, test, command) is what `test_documents.py` holds of every document.
"""

import hashlib
import re

from tests.documents.product import ROOT

PLAN = ROOT / "docs" / "plano.md"
# Of the plan's own boxes, which is not in the repository: each text in a line, in its order.
DIGEST = "05af80ea6c4b4c24c92aedb7615750ee2a292c5f071987e495637e6c35221a85"
BOXES = 306
# Beside the boxes: the rows of its tables, its people, levels and meetings.
ROWS = re.compile(r"\*\*[^*]+\*\*: ")
BOX = re.compile(r"^( *)- \[([ x])\] (.+?) → (.+)$", re.MULTILINE)
PROOF = re.compile(r"\]\(|`")
GROUP = "pelos itens abaixo"


def boxes(text):
    """`(whether it lies below another, whether it is ticked, the plan's words, what follows the arrow)`"""
    return [(bool(indent), tick == "x", words, proof) for indent, tick, words, proof in BOX.findall(text)]


def test_every_box_of_the_plan_is_there_in_its_words_and_order():
    words = [words for _, _, words, _ in boxes(PLAN.read_text()) if not ROWS.match(words)]
    assert len(words) == BOXES
    assert hashlib.sha256("\n".join(words).encode()).hexdigest() == DIGEST


def test_every_line_has_a_proof_or_a_reason():
    text = PLAN.read_text()
    assert len(re.findall(r"^ *- ", text, re.MULTILINE)) == len(boxes(text)), "a line without an arrow"
    for _, ticked, words, proof in boxes(text):
        assert PROOF.search(proof) or not ticked or proof == GROUP, f"{words}: ticked without a proof"


def test_what_stands_above_others_is_ticked_once_they_all_are():
    above = None
    for below, ticked, words, proof in [*boxes(PLAN.read_text()), (False, True, "the end", "")]:
        if not below:
            if above:
                assert above[1] == all(above[2]), above[0]
            above = (words, ticked, []) if proof.startswith(GROUP) else None
        elif above:
            above[2].append(ticked)
