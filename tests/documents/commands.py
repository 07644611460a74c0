"""Hold command lines against the scripts' usage texts, Django's commands, pytest's options and the lock files."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.metadata import distributions
from itertools import pairwise
from itertools import product as combinations
from pathlib import Path

from django.core.management import CommandError, get_commands, load_command_class

from tests.documents import files, settings
from tests.documents.product import ROOT, project

OF_OTHERS = {
    *("amtool", "apt-get", "curl", "df", "docker", "gh", "git", "journalctl", "kubectl", "pg_dump", "pg_restore"),
    *("pgbackrest", "promtool", "psql", "sqlite3", "systemctl", "systemd-analyze"),
    *(".", "cp", "export", "install", "kill", "openssl", "pgrep", "read", "rm"),
}
_INSTALLER = "deploy/server/install"
_OPTION = re.compile(r"--?[a-z][\w-]*")
_ASSIGNMENT = re.compile(r"[A-Z][A-Z_]*=\S*")


Known = Callable[[str], object]
"""What pytest says of an option: raises ValueError for one that it does not have (`pytestconfig.getoption`)."""


def is_command(text: str) -> bool:
    words = _words(text)
    if not words:
        return False
    first = words[0]
    if first in get_commands():
        return get_commands()[first] == "notificacao" or len(words) > 1
    named = ("manage.py", "semtas-manage", "npx", "npm", "python", "pytest", "bash", *OF_OTHERS)
    return first in named or first.startswith(("script/", ".venv/bin/", _INSTALLER))


def is_option(text: str) -> bool:
    return bool(re.fullmatch(r"--?[a-z][\w-]*(?: [\w.]+)?", text))


def judge(text: str, to_pytest: Known) -> str:
    """Return what is wrong with a command line; nothing where each of its parts is there."""
    parts = [shlex.split(part, comments=True) for part in text.split("&&")]
    return next(filter(None, (_judge_one(words, to_pytest) for words in parts if words)), "")


def judge_option(option: str, beside: Iterable[str], to_pytest: Known) -> str:
    """Return what is wrong with an option by itself: it is to be one of a command in the same paragraph."""
    commands = [text for text in beside if is_command(text) and _words(text)[0] not in OF_OTHERS]
    if any(
        not judge(f"{command} {option}", to_pytest) or _takes(command, option.partition(" ")[0]) for command in commands
    ):
        return ""
    return f"no command beside it takes it ({', '.join(commands) or 'there is none'})"


def lines(script: str) -> Iterator[tuple[int, str]]:
    """Each command of a fenced block with the number of its first line, what is continued as one line."""
    pending, began = "", 0
    for number, line in enumerate(script.splitlines()):
        began = began if pending else number
        pending += line.removesuffix("\\") if line.endswith("\\") else line + "\n"
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:
            continue  # a quotation that goes on
        if not line.endswith("\\"):
            if words:
                yield began, pending.strip()
            pending = ""


def _typed(session: str) -> str:
    """What is typed in a session that shows answers too, each command on its line."""
    return "\n".join(line.removeprefix("$ ") if line.startswith("$ ") else "" for line in session.splitlines())


# Languages of fenced blocks that hold commands, and what of a block is one.
SHELLS: dict[str, Callable[[str], str]] = {"sh": str, "bash": str, "console": _typed}


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError:
        return []
    while words and _ASSIGNMENT.fullmatch(words[0]):
        words.pop(0)
    return _of_another_user(words)


def _of_another_user(words: list[str]) -> list[str]:
    """What `runuser -u USER -- …` runs."""
    return words[4:] if words[:2] == ["runuser", "-u"] else words


def _judge_one(words: list[str], to_pytest: Known) -> str:
    while words and _ASSIGNMENT.fullmatch(words[0]):
        assignment = words.pop(0)
        if not assignment.startswith("PG") and (why := settings.judge(assignment)):  # PG*: libpq's own
            return why
    words = _of_another_user(words)
    if words[0] in (".venv/bin/python", "python"):
        words = words[2:] if words[1] == "-m" else words[1:]
    first, *rest = words[1:] if words[0] == "bash" else words
    first = first.removeprefix("/opt/semtas/")
    if first.startswith(("script/", ".ci/", _INSTALLER)):
        return _judge_script(first, rest)
    judges = {"npx": _judge_npx, "npm": _judge_npm, "manage.py": _judge_django, "semtas-manage": _judge_django}
    if first in judges:
        return judges[first](rest)
    if first in get_commands():
        return _judge_django(words)
    tool = first.removeprefix(".venv/bin/")
    if tool == "pytest":
        return _judge_pytest(rest, to_pytest)
    of_ours = (ROOT / first.replace(".", "/") / "__main__.py").exists()
    return "" if of_ours or tool in installed() | OF_OTHERS else f"no package of requirements-dev.txt brings {tool}"


def _judge_django(words: list[str]) -> str:
    if not words:
        return ""  # it is spoken of
    name, *given = words
    if name not in get_commands():
        return f"manage.py has no command {name}"
    if not given:
        return ""  # it is spoken of, and not called
    for each in combinations(*(word.split("|") for word in given)):
        try:
            _parser(name).parse_args(each)
        except CommandError as error:
            return f"manage.py {name} refuses it: {error}"
    return ""


@cache
def _parser(name: str):
    return load_command_class(get_commands()[name], name).create_parser("manage.py", name)


@cache
def usage(script: str) -> str:
    """What a script says of itself at --help."""
    command = ["bash", script] if script == ".ci/run" else [str(ROOT / script)]
    done = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def _judge_script(script: str, words: list[str]) -> str:
    if not (ROOT / script).is_file():
        return f"there is no {script}"
    text = usage(script)
    if script == "script/bench" and words:
        benchmark = ROOT / "benchmarks" / f"{words[0]}.py"
        if not benchmark.is_file():
            return f"there is no benchmark {words[0]}"
        text, words = text + benchmark.read_text(), words[1:]
    unknown = [word for word in words if _OPTION.fullmatch(word) and not _stands_in(f"{text} --help", word)]
    if unknown:
        return f"{script} --help does not name {', '.join(unknown)}"
    head = next(line for line in text.splitlines() if "sage:" in line).partition(script)[2]
    taken, more = _arguments(head, words)
    return "" if taken else f"{script} takes no {' '.join(more)}"


def _arguments(head: str, words: list[str]) -> tuple[bool, list[str]]:
    """Whether a line of usage has room for the words that are no options, nor values of options; and these words."""
    values = {option: len(names.split()) for option, names in re.findall(r"(--[\w-]+)((?: [A-Z][A-Z.:]*)*)", head)}
    more, passed_over = [], 0
    for word in words:
        if _OPTION.fullmatch(word):
            passed_over = values.get(word, 0)
        elif passed_over:
            passed_over -= 1
        else:
            more.append(word)
    by_itself = re.sub(r"--[\w-]+(?: [A-Z][A-Z.:]*)*", "", head)
    return not more or bool(re.search(r"[A-Z]", by_itself)), more


def _stands_in(text: str, option: str) -> bool:
    return bool(re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text))


@cache
def _package() -> dict:
    return json.loads((ROOT / "package.json").read_text())


def _judge_npx(words: list[str]) -> str:
    name = next(word for word in words if word != "--no-install")
    return "" if (ROOT / "node_modules/.bin" / name).exists() else f"package.json does not name {name}"


def _judge_npm(words: list[str]) -> str:
    if words[0] != "run":
        return "" if words[0] in ("ci", "sbom", "test") else f"npm has no {words[0]}"
    return "" if words[1] in _package()["scripts"] else f"package.json has no script {words[1]}"


def _judge_pytest(words: list[str], to_pytest: Known) -> str:
    for word, after in pairwise([*words, ""]):
        if word == "-m":
            unknown = {*re.findall(r"\w+", after)} - {"not", "and", "or", *markers()}
            if unknown:
                return f"pyproject.toml has no marker {', '.join(sorted(unknown))}"
        elif word.startswith("-"):
            try:
                to_pytest(word.partition("=")[0])
            except ValueError:
                return f"pytest has no {word}"
        elif word.startswith("tests") and "/" in word and (why := files.judge(word.partition("::")[0])):
            return why
    return ""


def _takes(command: str, option: str) -> bool:
    """Whether a command of Django's that cannot be judged whole, for want of something else, has that option."""
    words = [word for word in _words(command) if word not in ("manage.py", ".venv/bin/python")]
    return words[0] in get_commands() and _stands_in(_parser(words[0]).format_help(), option)


@cache
def markers() -> frozenset[str]:
    listed = project()["tool"]["pytest"]["ini_options"]["markers"]
    return frozenset(marker.partition(":")[0] for marker in listed)


@cache
def installed() -> frozenset[str]:
    """The programs of the packages that requirements-dev.txt names."""
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE))
    found = set()
    for package in distributions():
        if re.sub(r"[-_.]+", "-", package.name).lower() in pinned:
            found |= {entry.name for entry in package.entry_points if entry.group == "console_scripts"}
            found |= {Path(str(file)).name for file in package.files or () if str(file).count("bin/") == 1}
    return frozenset(found)
