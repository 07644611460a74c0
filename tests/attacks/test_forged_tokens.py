"""Tokens that nobody of this house signed, or that say more than was signed. `test_replays.py` shows old ones again."""

import json
import time

import httpx
import jwt
import pytest

from tests.live.ably_server import KEY_NAME, SECRET

pytestmark = pytest.mark.services
CHANNEL = "private:user:ana:notifications"


def token(secret=SECRET, algorithm="HS256", kid=KEY_NAME, **claims):
    now = int(time.time())
    said = {"iat": now, "exp": now + 60, "x-ably-capability": json.dumps({CHANNEL: ["subscribe", "history"]})}
    return jwt.encode(said | {"x-ably-clientId": "ana"} | claims, secret, algorithm, headers={"kid": kid})


def asked(server, text, channel=CHANNEL) -> int:
    """The status with which Ably answers who asks by REST, with the token `text`, for what was said on `channel`."""
    address = f"{server.url}/channels/{channel}/messages"
    return httpx.get(address, headers={"Authorization": f"Bearer {text}"}).status_code


def test_a_token_of_the_house_is_let_in(ably_server):
    assert asked(ably_server, token()) == 200


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": None, "algorithm": "none"},
        {"secret": "outra-chave-que-ninguem-aqui-conhece"},
        {"secret": SECRET, "algorithm": "HS512"},
        {"kid": "semtas.outra"},
        {"kid": "outro.kid"},
        {"kid": "../semtas.local"},
        {"exp": int(time.time()) - 3_600, "iat": int(time.time()) - 7_200},
    ],
    ids=["no signature", "another key", "another algorithm", "another kid", "another app", "a path as kid", "run out"],
)
def test_any_other_is_not(ably_server, forged):
    assert asked(ably_server, token(**forged)) in (400, 401, 403, 404)  # 404: no such app


def test_a_token_says_nothing_more_than_was_signed(ably_server):
    head, _, signature = token().split(".")
    body = jwt.utils.base64url_encode(json.dumps({"exp": int(time.time()) + 60, "x-ably-capability": "*"}).encode())
    assert asked(ably_server, f"{head}.{body.decode()}.{signature}") in (400, 401)
