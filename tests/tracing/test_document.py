"""docs/traces.md has the spans and the attributes that there are."""

import re

from notificacao.tracing import spans
from tests.live.ably_server import ROOT


def test_the_document_has_each_span_and_each_attribute_and_no_other():
    text = (ROOT / "docs" / "traces.md").read_text()
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (?:.* \| )?(.+) \|$", text, re.MULTILINE))
    assert set(rows) == set(spans.KINDS) | set(spans.ATTRIBUTES)
    assert {name: meaning for name, meaning in rows.items() if name in spans.ATTRIBUTES} == spans.ATTRIBUTES
