"""Ably over its official SDK: the one module that imports it."""

import base64
import time
from typing import Any

import httpx
import jwt
from ably import AblyException, AblyRest
from ably.types.message import Message
from ably.util.crypto import get_cipher

from notificacao import keys, wire
from notificacao.conf import conf
from notificacao.transports import Envelope, TransportError

_OWN_TOKEN_TTL = 3600  # seconds
_PROBE_CHANNEL = "system:probe"
_RATE_LIMITED = 429
_SERVER_FAULT = 500


class AblyTransport:
    """A REST client that lives on one running loop. Several publishes may be in flight.

    The SDK refuses a key over plain http, so the client signs its own JWT.
    """

    def __init__(self) -> None:
        self._rest = AblyRest(
            auth_callback=_sign_own_token,
            use_binary_protocol=False,
            http_open_timeout=conf.ABLY_PUBLISH_TIMEOUT,
            http_request_timeout=conf.ABLY_PUBLISH_TIMEOUT,
            **_address(),
        )

    async def publish(self, envelope: Envelope) -> None:
        """Publish once, encrypted. Raises TransportError."""
        channel = envelope.row.channel
        try:
            await self._rest.channels.get(channel).publish(_message(envelope))
        except Exception as error:  # the SDK lets httpx's errors through, and TypeError for a body that is not Ably's
            failure = _failure(error)
            if failure is not None:
                raise failure from error
        finally:
            self._rest.channels.release(channel)  # the SDK would keep every channel for ever

    async def probe(self) -> None:
        """Ask for the history of a channel: that takes connection, key and clock. Raises TransportError."""
        try:
            await self._rest.channels.get(_PROBE_CHANNEL).history(limit=1)
        except Exception as error:
            raise _failure(error) or TransportError(str(error), permanent=False) from error

    async def revoke(self, targets: list[str], issued_before: int) -> None:
        """At once, without the 30 s that Ably would else leave for a renewal. Raises TransportError."""
        path = f"/keys/{conf.ably_key_name}/revokeTokens"
        body = {"targets": targets, "issuedBefore": issued_before, "allowReauthMargin": False}
        try:
            answer = await self._rest.request("POST", path, "5", body=body, headers=_basic_auth())
        except Exception as error:
            raise _failure(error) or TransportError(str(error), permanent=False) from error
        refused = [item for item in answer.items if isinstance(item, dict) and item.get("failureCount")]
        if not answer.success or refused:
            permanent = _RATE_LIMITED != answer.status_code < _SERVER_FAULT
            raise TransportError(f"{answer.error_code}: {answer.error_message or refused}", permanent=permanent)

    async def close(self) -> None:
        await self._rest.close()


def _address() -> dict[str, Any]:
    """Where Ably is, in the SDK's options; Ably's own cloud where no endpoint is set."""
    if not conf.ABLY_ENDPOINT:
        return {}
    port = {"tls_port": conf.ABLY_PORT} if conf.ABLY_TLS else {"port": conf.ABLY_PORT}
    return {"endpoint": conf.ABLY_ENDPOINT, "tls": conf.ABLY_TLS, **port}


def _basic_auth() -> dict[str, str]:
    """The key itself: a token cannot revoke tokens."""
    return {"Authorization": f"Basic {base64.b64encode(conf.ABLY_API_KEY.encode()).decode()}"}


async def _sign_own_token(_params) -> str:
    """A JWT with all of our key's capabilities, for this server alone (ably.md, Tokens)."""
    now = int(time.time())
    claims = {"iat": now, "exp": now + _OWN_TOKEN_TTL, "x-ably-capability": '{"*":["*"]}'}
    return jwt.encode(claims, conf.ably_key_secret, algorithm="HS256", headers={"kid": conf.ably_key_name})


def _message(envelope: Envelope) -> Message:
    """The row, encrypted, or a reference to it; id and IV come from the row: a retry sends the same bytes."""
    row = envelope.row
    key = keys.channel_key(row.channel, envelope.key_epoch)
    message = Message(
        name="notification",
        id=str(row.public_id),
        data=wire.reference(row)
        if conf.ABLY_PAYLOAD == "reference"
        else wire.WireNotification.of(row).model_dump(mode="json"),
        extras={
            "headers": {
                "seq": row.seq,
                "prev_seq": row.prev_seq,
                "epoch": envelope.epoch,
                "key_epoch": envelope.key_epoch,
            }
        },
    )
    if conf.ABLY_PAYLOAD == "encrypted":
        message.encrypt(get_cipher({"key": key, "iv": keys.initialisation_vector(key, message.id)}))
    return message


def _failure(error: Exception) -> TransportError | None:
    """What an exception of the SDK means; None where it means that an earlier attempt had arrived."""
    if not isinstance(error, AblyException):
        kind = "unreachable" if isinstance(error, httpx.HTTPError) else type(error).__name__
        return TransportError(f"{kind}: {error}", permanent=False)
    if "already used" in str(error.message):
        return None
    status = error.status_code or _SERVER_FAULT
    transient = status == _RATE_LIMITED or status >= _SERVER_FAULT
    return TransportError(f"{error.code}: {error.message}", permanent=not transient)
