"""Derive the keys of the channels' encryption: HKDF (RFC 5869) from one master secret, per channel and key epoch."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from notificacao.conf import conf
from notificacao.database import clock
from notificacao.models import Channel
from notificacao.models.notification import SYSTEM_CHANNEL

GRACE = timedelta(minutes=5)  # a message of an old epoch may be under way: two minutes at Ably, and our own retries
_OLD_EPOCHS = 3  # key epochs back: people who leave together renew a key once each


def channel_key(channel: str, key_epoch: int, secret: str | None = None) -> bytes:
    """Return 32 bytes for AES-256, the same in every process for the same master secret."""
    return _derived(f"semtas/{channel}/{key_epoch}", secret or conf.ENCRYPTION_SECRET)


def of_servers(purpose: str) -> list[bytes]:
    """Return 32 bytes for `purpose` among our own processes: of today's master secret, and of each that it replaced.

    No channel's key is one of them: what those are derived from ends with a key epoch.
    """
    return [_derived(f"semtas/{purpose}", secret) for secret in _secrets()]


def _secrets() -> list[str]:
    """Return today's master secret, and those that it replaced."""
    return [conf.ENCRYPTION_SECRET, *conf.ENCRYPTION_SECRET_FALLBACKS]


@lru_cache(maxsize=4_096)  # each message, and each page that is told a key, asks for one
def _derived(info: str, secret: str) -> bytes:
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info.encode())
    return hkdf.derive(secret.encode())


def old_keys(channel: str, key_epoch: int, renewed_at: datetime | None, back: int = _OLD_EPOCHS) -> list[bytes]:
    """Return the other keys with which a message may still be encrypted, of at most `back` key epochs before.

    They are those of key epochs that ended within `GRACE`, and those of the secret's fallbacks.
    """
    epochs = [key_epoch]
    if renewed_at is not None and clock.now() - renewed_at < GRACE:
        epochs += range(key_epoch - 1, max(0, key_epoch - 1 - back), -1)
    return [channel_key(channel, epoch, secret) for secret in _secrets() for epoch in epochs][1:]


def epochs_for(channel: Channel, since: int) -> int:
    """Return of how many key epochs, newest first, the keys are for somebody whose rows begin after the seq `since`.

    Nothing from before may be encrypted with any of them: Ably keeps messages for two minutes, who listens there for
    longer. So a newcomer waits for a renewal (0). What is said to everybody is no secret to them.
    """
    if since == 0 or channel.name == SYSTEM_CHANNEL:
        return 1 + _OLD_EPOCHS
    if since > channel.key_since:  # whatever the key before was for: what was sent again went with today's
        return 0
    return 1 + (since <= channel.old_key_since)


def told(channel: Channel, since: int) -> dict[str, Any]:
    """Return what a page is told of the keys of `channel`, in base64: today's, its epoch, and those before it.

    The page's person may read what has a seq beyond `since`. Where no key is for them yet, there is none.
    """
    epochs = epochs_for(channel, since)
    if not epochs:
        return {"name": channel.name, "key": None, "key_epoch": None, "old_keys": []}
    old = old_keys(channel.name, channel.key_epoch, channel.key_renewed_at, epochs - 1)
    return {
        "name": channel.name,
        "key": as_text(channel_key(channel.name, channel.key_epoch)),
        "key_epoch": channel.key_epoch,
        "old_keys": [as_text(key) for key in old],
    }


def as_text(key: bytes) -> str:
    """Return `key` in base64, as both SDKs' `cipher: {key}` take it."""
    return base64.b64encode(key).decode()


def initialisation_vector(key: bytes, message_id: str) -> bytes:
    """Return 16 bytes that nobody without `key` can foresee.

    They are the same on each attempt, so that one message id always means the same bytes.
    """
    return hmac.digest(key, message_id.encode(), hashlib.sha256)[:16]
