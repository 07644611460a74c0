"""Each guide can be followed word by word: its edits fit the tree, its commands do what it shows."""

import ast
import shutil
from pathlib import Path

import pytest

from tests.documents import markdown
from tests.documents.product import ROOT
from tests.guides import following
from tests.guides.following import Stuck, agrees, commands, edited, follow

GUIDES = [markdown.read(path, ROOT) for path in sorted((ROOT / "docs" / "guides").glob("*.md"))]
WITH_STEPS = [guide for guide in GUIDES if any(fence.title or fence.language == "console" for fence in guide.fences)]
_FOLLOWS = {"docs/guides/new-transport-browser.md": "docs/guides/new-transport.md"}  # it goes on where that one ends
_MADE_BY_COMMANDS = ("locale/",)  # its edits find what a command before them wrote

each_guide = pytest.mark.parametrize("guide", WITH_STEPS, ids=lambda guide: Path(guide.path).stem)


def written_before(guide):
    """The blocks that whoever follows `guide` has written already."""
    return [fence for each in GUIDES if each.path == _FOLLOWS.get(guide.path) for fence in each.fences if fence.title]


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    """Where the guides' tools keep what they know of the tree: the second guide's types are checked in no time."""
    folder = tmp_path_factory.mktemp("caches")
    return {"MYPY_CACHE_DIR": str(folder / "mypy"), "RUFF_CACHE_DIR": str(folder / "ruff")}


@each_guide
def test_the_files_and_edits_of_a_guide_fit_the_tree_as_it_is(guide, tmp_path):
    for fence in [*written_before(guide), *guide.fences]:
        path = tmp_path / fence.title
        if not fence.title or fence.title.startswith(_MADE_BY_COMMANDS):
            continue
        if (ROOT / fence.title).exists() and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / fence.title, path)
        following.write(fence, tmp_path)
    for path in tmp_path.rglob("*.py"):
        ast.parse(path.read_text(), str(path))


@pytest.mark.ship
@each_guide
def test_whoever_follows_a_guide_word_by_word_gets_through(guide, tmp_path, caches):
    tree = following.copy(ROOT, tmp_path / "semtas")
    for fence in written_before(guide):
        following.write(fence, tree)
    following.prepare(guide, tree, caches)
    assert follow(guide, tree, caches) > 0


def fence(text, language="diff", title="notificacao/apps.py"):
    head = f'{language} title="{title}"' if title else language
    [found] = markdown.parse(f"# A\n\n```{head}\n{text}\n```\n", "docs/guides/a.md").fences
    return found


def test_an_edit_replaces_its_lines_where_they_stand_once():
    assert edited(fence(" b\n-c\n+d\n \n e"), "a\nb\nc\n\ne\n") == "a\nb\nd\n\ne\n"
    assert edited(fence("-a\n+b"), "a\n") == "b\n"
    assert edited(fence(" a\n+b"), "a\naa\n") == "a\nb\naa\n"


@pytest.mark.parametrize("text", ["a\n", "c\nc\n", "bc\n", "cc\n"])
def test_an_edit_that_has_no_one_place_stops_the_reader(text):
    with pytest.raises(Stuck, match=r"docs/guides/a.md:4: notificacao/apps.py has"):
        edited(fence("-c\n+d"), text)


def test_a_line_that_is_neither_kept_nor_added_nor_taken_away_stops_the_reader():
    with pytest.raises(Stuck, match="begins with a blank"):
        edited(fence("c\n+d"), "c\n")


def test_a_file_that_is_there_is_not_written_over_and_one_that_is_not_cannot_be_edited(tmp_path):
    (tmp_path / "a.py").write_text("a\n")
    with pytest.raises(Stuck, match="there already"):
        following.write(fence("b", "python", "a.py"), tmp_path)
    with pytest.raises(Stuck, match=r"there is no b.py"):
        following.write(fence("-a", title="b.py"), tmp_path)
    assert (tmp_path / "a.py").read_text() == "a\n"


@pytest.mark.parametrize(
    ("shown", "printed", "is_so"),
    [
        ("1 passed in …", "1 passed in 0.02s\n", True),
        ("…\n1 passed in …", "....\n[100%]\n1 passed in 0.02s", True),
        ("1 passed in …", "2 passed in 0.02s", False),
        ("a.c", "abc", False),
    ],
)
def test_what_is_shown_is_what_is_printed_but_for_an_ellipsis(shown, printed, is_so):
    assert agrees(shown, printed) is is_so


def test_a_command_goes_on_to_the_end_of_its_quotation_and_what_stands_below_is_shown():
    block = fence("$ echo 'a\nb'\na\nb\n$ true", "console", "")
    assert [(command.line, command.shown) for command in commands(block)] == [("echo 'a\nb'", "a\nb"), ("true", "")]


@pytest.mark.parametrize(("block", "why"), [("$ false", "ended with 1"), ("$ echo a\nb", "prints"), ("a", "begins")])
def test_a_command_that_fails_or_prints_something_else_stops_the_reader(block, why, tmp_path):
    guide = markdown.parse(f"# A\n\n```console\n{block}\n```\n", "docs/guides/a.md")
    with pytest.raises(Stuck, match=why):
        follow(guide, tmp_path, {})
