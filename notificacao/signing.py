"""Sign what goes to Ably, so that a page knows it for the server's: Ed25519 (RFC 8032).

Each member of a unit holds the channel's key. Encryption shows that a member wrote a message; the signature alone shows
that the server did.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from notificacao.conf import conf

CONTEXT = b"semtas-notification-1"
ENCODING = "json/utf-8/cipher+aes-256-cbc"  # what was signed says nothing of it: no other is ever decoded
_ID = 16  # hexadecimal digits
_EXACT = 2**53


@dataclass(frozen=True)
class Place:
    """Say where a message belongs: in which log, on which channel, after which row, under which key."""

    epoch: str
    channel: str
    seq: int
    prev_seq: int
    id: str
    key_epoch: int

    @classmethod
    def claimed(cls, channel: str, message_id: Any, headers: Any) -> "Place | None":
        """Return the place that the headers of a message on `channel` claim; None where they are not of our shape."""
        if not isinstance(headers, dict) or not isinstance(message_id, str):
            return None
        epoch = headers.get("epoch")
        numbers = [_whole(headers.get(name)) for name in ("seq", "prev_seq", "key_epoch")]
        if not isinstance(epoch, str) or None in numbers:
            return None
        seq, prev_seq, key_epoch = numbers
        return cls(epoch, channel, seq, prev_seq, message_id, key_epoch)  # type: ignore[arg-type]

    @property
    def headers(self) -> dict[str, str | int]:
        """Return what of the place travels in `extras.headers`."""
        return {"seq": self.seq, "prev_seq": self.prev_seq, "epoch": self.epoch, "key_epoch": self.key_epoch}


def signed_bytes(place: Place, ciphertext: bytes) -> bytes:
    """Return what is signed: each part after its length as four bytes, so that no part can pass for another's end."""
    texts = (place.epoch, place.channel, place.seq, place.prev_seq, place.id, place.key_epoch)
    parts = [CONTEXT, *(str(text).encode() for text in texts), ciphertext]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def sign(place: Place, ciphertext: bytes) -> dict[str, str | int]:
    """Return the headers of a message at `place`, with its signature by the first of SIGNING_KEYS."""
    key = conf.SIGNING_KEYS[0]
    signature = _private(key).sign(signed_bytes(place, ciphertext))
    return place.headers | {"signer": _public(key)[0], "signature": base64.b64encode(signature).decode()}


def verified(
    channel: str, message_id: Any, headers: Any, ciphertext: Any, signers: Mapping[str, bytes] | None = None
) -> Place | None:
    """Return the place of a message that one of our keys signed for `channel`; None where none did.

    `signers` are public keys by their ids, where it is another server whose messages these are.
    """
    place = Place.claimed(channel, message_id, headers)
    if signers is None:
        keys = {name: key for name, _, key in map(_public, conf.SIGNING_KEYS)}
    else:
        keys = {name: Ed25519PublicKey.from_public_bytes(raw) for name, raw in signers.items()}
    if place is None or not isinstance(ciphertext, bytes | bytearray):
        return None
    try:
        signature = base64.b64decode(headers["signature"], validate=True)
        keys[headers["signer"]].verify(signature, signed_bytes(place, bytes(ciphertext)))
    except (InvalidSignature, KeyError, ValueError, TypeError):
        return None
    return place


def public_keys() -> list[dict[str, str]]:
    """Return what a page is told of the keys that may have signed: the id and the 32 bytes, in base64, of each."""
    return [{"id": name, "key": text} for name, text, _ in map(_public, conf.SIGNING_KEYS)]


def _whole(number: Any) -> int | None:
    """Return `number` where it is a whole one that JavaScript holds exactly too; Ably may send 7 on as 7.0."""
    is_whole = type(number) in (int, float) and 0 <= number < _EXACT and number == int(number)
    return int(number) if is_whole else None


@lru_cache(maxsize=8)
def _private(key: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(key))


@lru_cache(maxsize=8)
def _public(key: str) -> tuple[str, str, Ed25519PublicKey]:
    """Return the id of a private key, its public key in base64, and that key."""
    public = _private(key).public_key()
    raw = public.public_bytes_raw()
    return hashlib.sha256(raw).hexdigest()[:_ID], base64.b64encode(raw).decode(), public
