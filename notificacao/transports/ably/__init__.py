"""Publish to Ably and subscribe there over its official SDK; no module outside this package imports the SDK."""

import json
import uuid
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from notificacao import metrics
from notificacao.audiences import PROBE_CHANNEL
from notificacao.conf import conf
from notificacao.signing import Place
from notificacao.transports import Envelope, Sealed, TransportError
from notificacao.transports.ably import messages
from notificacao.transports.ably.client import Client
from notificacao.transports.ably.faults import fault_of, fault_of_each, is_only_a_capability, its_own
from notificacao.transports.ably.listening import Listening, listen

_PROBE = f"{messages.path(PROBE_CHANNEL)}?limit=1"


class AblyTransport:
    """Publish, subscribe, probe and revoke at Ably, on one running loop.

    Several requests may be in flight; a request carries up to 100 channels. It keeps no channel of the SDK, so there is
    none to release.
    """

    def __init__(self) -> None:
        self._client = Client()

    def seal(self, envelope: Envelope) -> None:
        """Encrypt and encode the row, once. Raises TransportError where it is larger than `messages.LARGEST` bytes."""
        if envelope.sealed is None:
            envelope.sealed = messages.seal(envelope)

    async def publish(self, envelopes: Sequence[Envelope]) -> list[TransportError | None]:
        """Publish `envelopes` in one request; return the error of each in order, None for success.

        Where Ably refuses a whole batch because of one message, its halves are published apart until that one is found.
        Raises TransportError where all of them failed.
        """
        faults = await self._publish(envelopes)
        for envelope, fault in zip(envelopes, faults, strict=True):
            if fault is None:
                metrics.ABLY_BILLED.inc(_sealed(envelope).billed)
        return faults

    async def _publish(self, envelopes: Sequence[Envelope]) -> list[TransportError | None]:
        for envelope in envelopes:
            self.seal(envelope)
        if len(envelopes) == 1:
            body, path = _sealed(envelopes[0]).body, messages.path(envelopes[0].row.channel)
            return [its_own(fault_of(await self._client.ask("POST", path, body)))]
        batch = messages.batch([(envelope.row.channel, _sealed(envelope).body) for envelope in envelopes])
        answer = await self._client.ask("POST", "/messages", batch)
        if its_own(fault_of(answer)) is not None:  # Ably refused all for one message: halve until it is found
            half = len(envelopes) // 2
            return await self._publish(envelopes[:half]) + await self._publish(envelopes[half:])
        return fault_of_each(answer, len(envelopes))

    async def announce(self, channel: str, data: dict[str, Any], *, key: bytes) -> str:
        """Publish `data` to a channel that is not the log's, encrypted with `key` and signed.

        Return the message's id. Raises TransportError.
        """
        message_id = str(uuid.uuid4())
        body = messages.encode("probe", data, place=Place("", channel, 0, 0, message_id, 0), key=key)
        fault = fault_of(await self._client.ask("POST", messages.path(channel), body))
        if fault is not None:
            raise fault
        return message_id

    def subscribe(self, channel: str, *, key: bytes) -> AbstractAsyncContextManager[Listening]:
        """Return a context manager that subscribes to `channel` on a connection of its own.

        It verifies, and decrypts with `key`. Entering it raises TransportError.
        """
        return listen(channel, key)

    async def probe(self) -> None:
        """Ask for the history of a channel, which tests connection, key and clock. Raises TransportError."""
        answer = await self._client.ask("GET", _PROBE)
        fault = fault_of(answer)
        if fault is not None and not is_only_a_capability(answer):  # a key that may only publish is accepted too
            raise fault

    async def revoke(self, targets: list[str], issued_before: int) -> None:
        """Revoke the tokens of `targets` (at most 100) issued before `issued_before`, in milliseconds since 1970.

        They end at once, without the 30 s that Ably would else leave for a renewal. Raises TransportError.
        """
        path = f"/keys/{conf.ably_key_name}/revokeTokens"
        body = {"targets": targets, "issuedBefore": issued_before, "allowReauthMargin": False}
        answer = await self._client.ask("POST", path, json.dumps(body), by_key=True)
        fault = fault_of(answer)
        if fault is not None:
            raise fault
        refused = [item for item in answer.items if isinstance(item, dict) and item.get("failureCount")]
        if refused:
            raise TransportError(
                f"not all were revoked: {refused}", "o Ably não revogou todos os tokens", permanent=True
            )

    async def close(self) -> None:
        """Close the connections to Ably."""
        await self._client.close()


def _sealed(envelope: Envelope) -> Sealed:
    assert envelope.sealed is not None
    return envelope.sealed
