"""The documents as a site: built strictly, complete, each link leads somewhere, and nothing comes from elsewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.live.ably_server import ROOT

_FETCHED = {("link", "href"), ("a", "ping"), ("object", "data"), ("video", "poster")}
_LOADED_BY_CSS = re.compile(r"(?:url\(|@import )\s*[\"']?((?:https?:)?//[^\"')\s]+)")


class Html(HTMLParser):
    """Each resource that a page fetches by itself, each link that it offers, and what may be linked to."""

    def __init__(self, path: Path):
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.anchors = {"", "__top"}
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs) -> None:
        attributes = dict(attrs)
        for name, value in attributes.items():
            if value and (name in ("src", "srcset") or (tag, name) in _FETCHED):
                self.fetched.append(value)
            elif value and tag == "a" and name == "href":
                self.links.append(value)
            elif name in ("id", "name"):
                self.anchors.add(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Html]:
    return {path: Html(path) for path in site.rglob("*.html")}


def build(tree: Path, folder: Path) -> str:
    """Build the site of `tree` strictly; return what was said."""
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=tree, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_it_has_each_document(site):
    documents = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    built = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {path.with_suffix(".html").as_posix().replace("README", "index") for path in documents} <= built
    assert {"index.html", "CONTRIBUTING.html", "CHANGELOG.html"} <= built


def test_nothing_is_fetched_from_elsewhere(site, pages):
    foreign = [
        (path.name, address)
        for path, page in pages.items()
        for address in page.fetched
        if re.match(r"(?:[a-z]+:)?//|https?:", address)
    ]
    styles = [path.read_text() for path in site.rglob("*.css")]
    assert foreign + [found for style in styles for found in _LOADED_BY_CSS.findall(style)] == []


def test_diagrams_are_drawn_by_a_script_of_the_site(site, pages):
    """The theme fetches one from elsewhere where the page has brought none."""
    with_diagrams = [path for path in pages if 'class="mermaid"' in path.read_text()]
    assert len(with_diagrams) >= 3
    for path in with_diagrams:
        own = [(path.parent / each).resolve() for each in pages[path].fetched if each.endswith("assets/mermaid.js")]
        assert [each.is_file() for each in own] == [True], path


def test_each_link_leads_to_a_page_and_a_place_on_it(site, pages):
    assert [*_lost(site, pages)] == []


def _lost(site: Path, pages: dict[Path, Html]) -> Iterator[tuple[str, str]]:
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links begin at the site's root
        for link in (*page.links, *page.fetched):
            target, _, fragment = unquote(link).partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            there = (path.parent / target).resolve() if target else path
            there = there / "index.html" if there.is_dir() else there
            if not there.is_file() or (there in pages and fragment not in pages[there].anchors):
                yield path.relative_to(site).as_posix(), link


def test_it_can_be_searched_in_both_languages(site):
    index = (site / "search" / "search_index.json").read_text()
    assert '"lang":["en","pt"]' in index.replace(" ", "")
    assert "despachante" in index
    assert "dispatcher" in index


def test_a_new_page_finds_its_place_and_breaks_nothing(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "node_modules", "script"):
        (tree / name).symlink_to(ROOT / name)
    copy(ROOT / "docs", tree / "docs")
    (tree / "docs" / "guides").mkdir(exist_ok=True)
    (tree / "docs" / "pt-br" / "novidade.md").write_text("# Novidade\n\nVeja o [plantão](plantao.md).\n")
    (tree / "docs" / "guides" / "new-thing.md").write_text("# New thing\n\nSee [the script](../../script/bootstrap).\n")
    build(tree, tmp_path / "site")
    assert 'href="novidade.html"' in (tmp_path / "site/pt-br/plantao.html").read_text()
    shown = (tmp_path / "site/guides/new-thing.html").read_text()
    assert "the script (<code>script/bootstrap</code>)" in shown


def copy(here: Path, there: Path) -> None:
    there.mkdir()
    for path in here.iterdir():
        if path.is_dir():
            copy(path, there / path.name)
        elif path.suffix == ".md":
            (there / path.name).write_text(path.read_text())
        else:
            (there / path.name).symlink_to(path)
