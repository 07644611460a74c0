"""Encode a row as Ably's message, encrypted to the same bytes on every attempt and after every restart."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ably import AblyException
from ably.types.message import Message
from ably.util.crypto import get_cipher

from notificacao import keys, signing, wire
from notificacao.conf import conf
from notificacao.signing import Place
from notificacao.transports import Envelope, Sealed, TransportError

# Bytes: Ably's limit on its Free and Standard plans. Here they are counted in base64, a third more than Ably counts, so
# Ably never refuses what is within the limit here.
LARGEST = 65_536
_BILLED = 5 * 1_024  # bytes that Ably counts as one message


def seal(envelope: Envelope) -> Sealed:
    """Return the row of `envelope` as JSON, or with ABLY_PAYLOAD=reference its id and seq alone; encrypted and signed.

    Raises TransportError where it is larger than `LARGEST` bytes, which Ably would refuse.
    """
    row = envelope.row
    assert row.seq is not None
    assert row.prev_seq is not None
    by_reference = conf.ABLY_PAYLOAD == "reference"
    body = encode(
        "notification",
        wire.reference(row) if by_reference else wire.WireNotification.of(row).model_dump(mode="json"),
        place=Place(envelope.epoch, row.channel, row.seq, row.prev_seq, str(row.public_id), envelope.key_epoch),
        key=keys.channel_key(row.channel, envelope.key_epoch),
    )
    if len(body) > LARGEST:
        raise TransportError(
            f"40009: {len(body)} bytes are more than Ably's {LARGEST}",
            f"a mensagem tem {len(body)} bytes; o Ably aceita até {LARGEST}",
            permanent=True,
        )
    return Sealed(body, len(body), billed(len(body)))


def encode(name: str, data: dict[str, Any], *, place: Place, key: bytes) -> str:
    """Return one message as JSON: its data encrypted, the IV derived from key and id, and all of it signed."""
    message = Message(name=name, id=place.id, data=data)
    message.encrypt(get_cipher({"key": key, "iv": keys.initialisation_vector(key, place.id)}))
    ciphertext = message.data.buffer
    encoded = message.as_dict(binary=False) | {"extras": {"headers": signing.sign(place, ciphertext)}}
    return json.dumps(encoded, separators=(",", ":"))


def decode(channel: str, message: Message, key: bytes, signers: Mapping[str, bytes] | None = None) -> Any:
    """Return the data of a message that came over `channel` undecoded; None where we did not sign it,
    or `key` does not open it.

    Nothing of it is decrypted before its signature is verified, by `signers` where another server signed it.
    """
    headers = (message.extras or {}).get("headers")
    if message.encoding != signing.ENCODING or not signing.verified(
        channel, message.id, headers, message.data, signers
    ):
        return None
    encoded = {"data": message.data, "encoding": message.encoding}
    try:
        return Message.from_encoded(encoded, get_cipher({"key": key})).data
    except (AblyException, ValueError):
        return None


def path(channel: str) -> str:
    """Return the path of the channel's messages in Ably's REST API."""
    return f"/channels/{quote(channel, safe=':')}/messages"


def batch(messages: Iterable[tuple[str, str]]) -> str:
    """Return the body of one batch request for pairs of `(channel, message as JSON)`.

    Each pair is a spec of its own, since a spec sends the same messages to all its channels.
    """
    specs = [f'{{"channels":[{json.dumps(channel)}],"messages":[{body}]}}' for channel, body in messages]
    return f"[{','.join(specs)}]"


def billed(size: int) -> int:
    """Return how many messages Ably bills for one of `size` bytes: one for each 5 KiB that it begins."""
    return max(1, math.ceil(size / _BILLED))
