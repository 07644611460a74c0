"""docs/errors.md lists each code that an answer can carry, and no other."""

import ast
import re

import pytest

from tests.live.ably_server import ROOT

pytestmark = pytest.mark.slow

# where the code stands in each call that makes an error
POSITIONS = {"Problem": 1, "Rejection": 1, "AuthenticationFailed": 1, "Fault": 2}
CONSTANTS = {"code", "default_code", "CODE", "NOT_IN_ROLLOUT", "TOO_MANY_CHANNELS"}
OF_THE_FRAMEWORK = {
    "error",
    "method_not_allowed",
    "not_authenticated",
    "parse_error",
    "permission_denied",
    "throttled",
    "unsupported_media_type",
    "not_acceptable",
}


def codes_in_the_code():
    for path in (ROOT / "notificacao").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=args) if name in POSITIONS and len(args) > POSITIONS[name]:
                    yield from strings(args[POSITIONS[name]])
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in CONSTANTS:
                    yield from strings(value)
                case ast.Assign(targets=[ast.Name(id="NOT_FOUND")], value=ast.Tuple(elts=[first, *_])):
                    yield from strings(first)


def strings(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def listed():
    text = (ROOT / "docs" / "errors.md").read_text()
    return re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)


@pytest.mark.slow
def test_each_code_is_listed_once_and_none_that_there_is_not():
    assert sorted(listed()) == sorted({*codes_in_the_code(), *OF_THE_FRAMEWORK})


@pytest.mark.slow
def test_the_codes_that_matter_are_found_by_this_test():
    found = {*codes_in_the_code()}
    assert {"resync", "too_many_streams", "key_invalid", "not_in_scope", "personal_data", "too_large"} <= found
