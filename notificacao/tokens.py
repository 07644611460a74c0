"""Ably tokens: who gets one, for which channels, for how long. The facts are in Ably's documentation of JWTs."""

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt
import structlog

from notificacao import audiences
from notificacao.conf import conf
from notificacao.models import Person

log = structlog.get_logger(__name__)

SUBSCRIBE = ["subscribe"]


@dataclass(frozen=True)
class Token:
    """A signed JWT, and what it says."""

    token: str
    expires_at: datetime
    capability: dict[str, list[str]]


def generate_token(person: Person, session_key: str) -> Token:
    """A token for exactly the channels that `person` may hear, to subscribe and nothing else.

    `iat` is taken before the memberships are read: a revocation that follows a change of memberships revokes it too.
    """
    issued_at = int(time.time())
    expires_at = issued_at + conf.ABLY_TOKEN_TTL
    channels = audiences.channels_of([person.pk]).get(person.pk, {})
    capability = dict.fromkeys(sorted(channels), SUBSCRIBE)
    claims = {
        "iat": issued_at,
        "exp": expires_at,
        "x-ably-capability": json.dumps(capability),
        "x-ably-clientId": audiences.client_id_for(person),
        "x-ably-revocation-key": revocation_key(session_key),
    }
    header = {"typ": "JWT", "kid": conf.ably_key_name}
    token = jwt.encode(claims, conf.ably_key_secret, algorithm="HS256", headers=header)
    log.info("ably_token_issued", person=person.public_id, channels=len(capability), expires_at=expires_at)
    return Token(token, datetime.fromtimestamp(expires_at, UTC), capability)


def revocation_key(session_key: str) -> str:
    """One per login, so that a logout revokes what that login was given; the session's key cannot be read from it."""
    return hashlib.sha256(f"revocation:{session_key}".encode()).hexdigest()[:32]


def validate_channel_access(person: Person, channel: str) -> bool:
    """Whether `person` may subscribe to `channel`: names are compared whole."""
    return channel in audiences.channels_of([person.pk]).get(person.pk, {})
