"""A row as Ably's message: encrypted once, the same bytes on every attempt and after every restart."""

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

# Bytes, on Ably's Free and Standard plans. Ours are counted in base64, by a third more than Ably's: what fits, fits.
LARGEST = 65_536
_BILLED = 5 * 1_024  # bytes that Ably counts as one message


def seal(envelope: Envelope) -> Sealed:
    """The row, or a reference to it, as JSON. Raises TransportError where Ably would refuse its size."""
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
    """One message as JSON, encrypted where there is a key; its IV comes from key and id."""
    message = Message(name=name, id=message_id, data=data, extras=extras)
    if key is not None:
        message.encrypt(get_cipher({"key": key, "iv": keys.initialisation_vector(key, message_id)}))
    return json.dumps(message.as_dict(binary=False), separators=(",", ":"))


def path(channel: str) -> str:
    return f"/channels/{quote(channel, safe=':')}/messages"


def batch(messages: Iterable[tuple[str, str]]) -> str:
    """`(channel, message as JSON)` of each as the body of one batch: a spec each, since each is another message."""
    specs = [f'{{"channels":[{json.dumps(channel)}],"messages":[{body}]}}' for channel, body in messages]
    return f"[{','.join(specs)}]"


def billed(size: int) -> int:
    """How many messages Ably bills for one of that size."""
    return max(1, math.ceil(size / _BILLED))
