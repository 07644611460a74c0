"""What of our own a page loads at most: 60 KB of JavaScript and CSS, gzipped, beside Ably's SDK."""

import gzip
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

from tests.live.ably_server import ROOT

BUDGET = 60_000  # bytes
LOADED = re.compile(r"{% static '(\S+\.(?:js|css))' %}")
IMPORTED = re.compile(r"""^(?:import|export)\b[^;"']*["'](\.[^"']+)["'];""", re.MULTILINE)


def loads(template: str) -> set[str]:
    """The scripts and stylesheets of a page, and what those import, by their names below /static/."""
    pages = [ROOT / "templates" / "notificacao" / name for name in ("base.html", template)]
    waiting = [name for page in pages for name in LOADED.findall(page.read_text())]
    loaded: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in loaded:
            loaded.add(name)
            folder = Path("/", name).parent
            waiting += [str((folder / other).resolve())[1:] for other in IMPORTED.findall(content(name).decode())]
    return loaded


def content(name: str) -> bytes:
    found = finders.find(name)
    assert found, f"{name} is not there"
    return Path(found).read_bytes()


@pytest.mark.parametrize("template", ["inbox.html", "detail.html", "diagnostico.html", "entrar.html"])
def test_a_page_loads_under_60_kb_gzipped(template):
    sizes = {name: len(gzip.compress(content(name))) for name in loads(template)}
    print(f"{template}: {sum(sizes.values()) / 1_000:.1f} KB of {BUDGET / 1_000:.0f}")
    assert "notificacao/style.css" in sizes
    assert sum(sizes.values()) < BUDGET, sorted(sizes.items(), key=lambda item: -item[1])


def test_what_the_modules_import_is_counted():
    assert {"notificacao/live/client.js", "notificacao/live/stream.js", "eventsource-parser/index.js"} <= loads(
        "inbox.html"
    )
