"""Hold messages against docs/api/asyncapi.yaml: those of the stream as each test reads them, and those on Ably."""

from functools import cache
from typing import Any

import yaml
from jsonschema_rs import Draft7Validator

from tests.live.ably_server import ROOT


@cache
def asyncapi() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docs" / "api" / "asyncapi.yaml").read_text())


@cache
def _validator(message: str) -> Draft7Validator:
    document = asyncapi()
    payload = document["components"]["messages"][message]["payload"]
    return Draft7Validator({**payload, "components": document["components"]}, validate_formats=True)


def must_fit(message: str, payload: object) -> None:
    """Raise AssertionError, by what is wrong, where `payload` is not as the document says of `message`."""
    if wrong := [error.message for error in _validator(message).iter_errors(payload)]:
        raise AssertionError(f"{message} is not as docs/api/asyncapi.yaml says: {'; '.join(wrong)}: {payload}")
