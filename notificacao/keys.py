"""Keys of the channels' encryption: HKDF (RFC 5869) from one master secret, per channel and key epoch."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from notificacao.conf import conf


def channel_key(channel: str, key_epoch: int) -> bytes:
    """32 bytes for AES-256, the same in every process for the same master secret."""
    info = f"semtas/{channel}/{key_epoch}".encode()
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info)
    return hkdf.derive(conf.ENCRYPTION_SECRET.encode())


def as_text(key: bytes) -> str:
    """base64, as both SDKs' `cipher: {key}` take it."""
    return base64.b64encode(key).decode()


def initialisation_vector(key: bytes, message_id: str) -> bytes:
    """16 bytes that nobody without `key` can foresee, and the same on each attempt: same id, same bytes."""
    return hmac.digest(key, message_id.encode(), hashlib.sha256)[:16]
