"""What an operator types and clicks at night, by docs/operations.md: the commands take it, and the pages have it."""

import re
import shlex

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

TEXT = (settings.BASE_DIR / "docs" / "operations.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.S) for line in block.splitlines() if "manage.py" in line
]
SOURCES = "".join(path.read_text() for path in (settings.BASE_DIR / "notificacao").rglob("*.py"))


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_runbooks_is_one(line):
    program, name, *words = shlex.split(line, comments=True)
    assert program == "manage.py"
    command = load_command_class(get_commands()[name], name)
    command.create_parser("manage.py", name).parse_args(words)


@pytest.mark.parametrize("words", sorted(set(re.findall("«(.*?)»", TEXT))))
def test_what_is_to_be_clicked_is_called_so(words):
    assert f'"{words}"' in SOURCES


def test_there_are_runbooks():
    assert len(COMMANDS) > 10
