"""Follow a guide on a copy of the tree: write its files, make its edits, run its commands, in the guide's own order.

A guide's steps are its fenced blocks, as a reader sees them:

    ```python title="path"  a new file, whole
    ```diff title="path"    an edit: the lines with `-` and ` ` stand there once; those with `+` and ` ` replace them
    ```console              commands after `$ `, and what each prints, where that is shown; `…` is anything

Blocks of any other form are for reading.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.documents.markdown import Document, Fence

_PROMPT = "$ "
_ANYTHING = "…"
_WITHIN = 600  # seconds; a command that takes longer hangs
_OURS = re.compile(r"PYTEST_|COV_|COVERAGE_|DJANGO_SETTINGS_MODULE|DATABASE_URL|REDIS_URL")


class Stuck(AssertionError):
    """Tell where somebody who follows the guide stops, and why."""

    def __init__(self, fence: Fence, why: str):
        super().__init__(f"{fence.said.document}:{fence.said.line}: {why}")


@dataclass(frozen=True)
class Command:
    """One command of a guide. `shown`: what the guide says that it prints, or nothing."""

    fence: Fence
    line: str
    shown: str

    def run(self, tree: Path, environment: Mapping[str, str]) -> None:
        """Run it in `tree`. Raises Stuck where it fails, or prints what the guide does not show."""
        done = subprocess.run(
            ["bash", "-c", self.line],
            check=False,
            cwd=tree,
            env={name: value for name, value in os.environ.items() if not _OURS.match(name)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_WITHIN,
        )
        if done.returncode:
            raise Stuck(self.fence, f"{self.line} ended with {done.returncode}:\n{done.stdout}")
        if self.shown and not agrees(self.shown, done.stdout):
            raise Stuck(self.fence, f"{self.line} prints\n{done.stdout}\nand not\n{self.shown}")


def agrees(shown: str, printed: str) -> bool:
    """Tell whether a program printed what a guide shows, where `…` stands for any text, of any number of lines."""
    parts = map(re.escape, shown.strip().split(_ANYTHING))
    return bool(re.fullmatch(".*?".join(parts), printed.strip(), re.DOTALL))


def commands(fence: Fence) -> Iterator[Command]:
    """Yield the commands of a `console` block, each with the lines below it."""
    before, *each = re.split(rf"^{re.escape(_PROMPT)}", fence.said.text, flags=re.MULTILINE)
    if before.strip():
        raise Stuck(fence, f"a console block begins with `{_PROMPT}`, and not with {before.strip()!r}")
    for text in each:
        lines = text.splitlines(keepends=True)
        end = next(end for end in range(1, len(lines) + 1) if _is_whole("".join(lines[:end])) or end == len(lines))
        yield Command(fence, "".join(lines[:end]).strip(), "".join(lines[end:]).strip())


def _is_whole(line: str) -> bool:
    """Tell whether a command ends here, and not within a quotation or with a backslash."""
    try:
        shlex.split(line)
    except ValueError:
        return False
    return not line.endswith("\\\n")


def is_file(fence: Fence) -> bool:
    return bool(fence.title) and fence.language != "diff"


def is_edit(fence: Fence) -> bool:
    return fence.language == "diff"


def edited(fence: Fence, text: str) -> str:
    """Return `text` after the edit of a `diff` block. Raises Stuck unless it has exactly one place for it."""
    lines = fence.said.text.splitlines()
    if wrong := [line for line in lines if line and line[0] not in " +-"]:
        raise Stuck(fence, f"a line of a diff begins with a blank, + or -: {wrong[0]!r}")
    old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    places = [found.start() for found in re.finditer(rf"^{re.escape(old)}", text, re.MULTILINE)]
    if len(places) != 1:
        raise Stuck(fence, f"{fence.title} has {len(places)} places with these lines, and not one:\n{old}")
    return text[: places[0]] + new + text[places[0] + len(old) :]


def write(fence: Fence, tree: Path) -> None:
    """Write the file of a block into `tree`, or make its edit there. Raises Stuck."""
    path = tree / fence.title
    if is_file(fence):
        if path.exists():
            raise Stuck(fence, f"{fence.title} is there already")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fence.said.text)
    elif path.is_file():
        path.write_text(edited(fence, path.read_text()))
    else:
        raise Stuck(fence, f"there is no {fence.title}")


def follow(guide: Document, tree: Path, environment: Mapping[str, str]) -> int:
    """Follow all steps of a guide in `tree`, and return how many commands there were. Raises Stuck."""
    ran = 0
    for fence in guide.fences:
        if fence.title:
            write(fence, tree)
        elif fence.language == "console":
            for command in commands(fence):
                command.run(tree, environment)
                ran += 1
    return ran


def prepare(guide: Document, tree: Path, environment: Mapping[str, str]) -> None:
    """Leave in `tree` what the site that a guide has its reader start, beside what they do, leaves in the database."""
    for fence in guide.fences:
        if fence.language == "sh" and "script/server" in fence.said.text:
            for line in ("migrate -v 0", "demo"):
                Command(fence, f".venv/bin/python manage.py {line}", "").run(tree, environment)
            return


def copy(root: Path, tree: Path) -> Path:
    """Copy what git knows, and what is new and not ignored, into `tree`; the installed packages are linked to."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout
    _copy(root, tree, filter(None, names.split("\0")))
    for installed in (".venv", "node_modules"):
        (tree / installed).symlink_to((root / installed).resolve())
    return tree


def _copy(root: Path, tree: Path, names: Iterable[str]) -> None:
    for name in names:
        source, target = root / name, tree / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
