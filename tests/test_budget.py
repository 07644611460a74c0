"""What of our own a page loads at most: 60 KB of JavaScript and CSS, gzipped, beside Ably's SDK."""

import gzip

from tests.live.ably_server import ROOT

BUDGET = 60_000  # bytes
STATIC = ROOT / "notificacao" / "static" / "notificacao"
PARSER = ROOT / "node_modules" / "eventsource-parser" / "dist" / "index.js"


def test_our_javascript_and_css_are_under_60_kb_gzipped():
    files = [*STATIC.rglob("*.js"), *STATIC.rglob("*.css"), PARSER]
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in files}
    print(f"{sum(sizes.values()) / 1_000:.1f} KB of {BUDGET / 1_000:.0f}")
    assert {"style.css", "client.js", "inbox.js"} <= set(sizes)
    assert sum(sizes.values()) < BUDGET, sorted(sizes.items(), key=lambda item: -item[1])
