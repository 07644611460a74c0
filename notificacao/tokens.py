"""Issue Ably tokens, each for one login and the channels that its person may subscribe to, for ABLY_TOKEN_TTL seconds.

The claims are those of Ably's documentation of JWTs.
"""

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt
from django.core.cache import caches

from notificacao import audiences, audit, capability, eventlog, metrics, revocations
from notificacao.conf import conf
from notificacao.models import AuditEvent, Person

_FRESH = 2 / 3  # the part of its life during which a token is given again to the same login at the same address
_LONGEST_WAIT = 2.0  # seconds; longer only where the database's clock was set back


class TooManyChannels(Exception):
    """Report that a person's channels do not fit in one token: they are served by SSE."""


@dataclass(frozen=True)
class Token:
    """Hold a signed JWT with its end and its capability, `{channel: operations}`."""

    token: str
    expires_at: datetime
    capability: dict[str, list[str]]


def generate_token(person: Person, session_key: str, ip: str | None = None) -> Token:
    """Return a token for exactly the channels that `person` may subscribe to, and for nothing else.

    The same token is returned for the same login, address and channels until it nears its end or is revoked.
    Raises TooManyChannels.
    """
    channels = " ".join(sorted(audiences.channels_of([person.pk]).get(person.pk, {})))
    revoked = _blocked_until(audiences.client_id_for(person), session_key)
    identity = f"{person.pk}/{session_key}/{ip}/{revoked}/{channels}"
    cache_key = hashlib.sha256(identity.encode()).hexdigest()
    token = caches["tokens"].get(cache_key)
    if token is None:
        token = _issue(person, session_key, ip)
        caches["tokens"].set(cache_key, token, timeout=conf.ABLY_TOKEN_TTL * _FRESH)
    return token


def _issue(person: Person, session_key: str, ip: str | None) -> Token:
    """Sign a new token, and record it in the audit trail.

    `iat` is taken before the memberships are read: what revokes the token after a change of theirs covers it for sure.
    """
    client_id = audiences.client_id_for(person)
    issued_at = _moment_after_revocations(client_id, session_key)
    expires_at = issued_at + conf.ABLY_TOKEN_TTL
    channels = audiences.channels_of([person.pk]).get(person.pk, {})
    if not capability.fits(channels):
        raise TooManyChannels(f"{len(channels)} channels, a token of {capability.token_size(channels)} bytes")
    allowed = capability.of(channels)
    claims = {
        "iat": issued_at,
        "exp": expires_at,
        "x-ably-capability": capability.as_claim(allowed),
        "x-ably-clientId": client_id,
        "x-ably-revocation-key": revocations.revocation_key(session_key),
    }
    header = {"typ": "JWT", "kid": conf.ably_key_name}
    token = jwt.encode(claims, conf.ably_key_secret, algorithm="HS256", headers=header)
    audit.record(
        AuditEvent.Action.TOKEN_ISSUED,
        who=client_id,
        ip=ip,
        channels=sorted(channels),
        issued_at=issued_at,
        expires_at=expires_at,
    )
    metrics.TOKENS_ISSUED.inc()
    return Token(token, datetime.fromtimestamp(expires_at, UTC), allowed)


def _moment_after_revocations(client_id: str, session_key: str) -> int:
    """Return now, in whole seconds since 1970; right after a revocation, wait until its second is over.

    Revocations have their moment by the database's clock, and so has this: a token that a process whose clock is ahead
    issued by that would be too young to be revoked.
    """
    blocked_until, now = _blocked_until(client_id, session_key), eventlog.now().timestamp()
    if now < blocked_until:
        time.sleep(min(blocked_until - now, _LONGEST_WAIT))
        now = eventlog.now().timestamp()
    return int(now)


def _blocked_until(client_id: str, session_key: str) -> float:
    return revocations.blocked_until((revocations.of_person(client_id), revocations.of_login(session_key)))


def validate_channel_access(person: Person, channel: str) -> bool:
    """Tell whether `person` may subscribe to `channel`: names are compared whole."""
    return channel in audiences.channels_of([person.pk]).get(person.pk, {})
