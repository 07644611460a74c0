"""Encode a row as Ably's message, encrypted to the same bytes on every attempt and after every restart."""

import json
import math
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from ably.types.message import Message
from ably.util.crypto import get_cipher

from notificacao import keys, wire
from notificacao.conf import conf
from notificacao.transports import Envelope, Sealed, TransportError

# Bytes: Ably's limit on its Free and Standard plans. Here they are counted in base64, a third more than Ably counts, so
# Ably never refuses what is within the limit here.
LARGEST = 65_536
_BILLED = 5 * 1_024  # bytes that Ably counts as one message


def seal(envelope: Envelope) -> Sealed:
    """Return the row of `envelope` as JSON, or with ABLY_PAYLOAD=reference its id and seq alone.

    Raises TransportError where it is larger than `LARGEST` bytes, which Ably would refuse.
    """
    row = envelope.row
    by_reference = conf.ABLY_PAYLOAD == "reference"
    headers = {
        "seq": row.seq,
        "prev_seq": row.prev_seq,
        "epoch": envelope.epoch,
        "key_epoch": envelope.key_epoch,
    }
    body = encode(
        str(row.public_id),
        "notification",
        wire.reference(row) if by_reference else wire.WireNotification.of(row).model_dump(mode="json"),
        key=None if by_reference else keys.channel_key(row.channel, envelope.key_epoch),
        extras={"headers": headers},
    )
    if len(body) > LARGEST:
        raise TransportError(
            f"40009: {len(body)} bytes are more than Ably's {LARGEST}",
            f"a mensagem tem {len(body)} bytes; o Ably aceita até {LARGEST}",
            permanent=True,
        )
    return Sealed(body, len(body))


def encode(
    message_id: str, name: str, data: dict[str, Any], *, key: bytes | None, extras: dict[str, Any] | None = None
) -> str:
    """Return one message as JSON, its data encrypted where there is a `key`; the IV is derived from key and id."""
    message = Message(name=name, id=message_id, data=data, extras=extras)
    if key is not None:
        message.encrypt(get_cipher({"key": key, "iv": keys.initialisation_vector(key, message_id)}))
    return json.dumps(message.as_dict(binary=False), separators=(",", ":"))


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
