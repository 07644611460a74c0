"""Define the protocol of a transport: a service that carries notifications to browsers besides our own stream.

The dispatcher publishes through it, and knows no transport by name.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from notificacao.models import Notification


class TransportError(Exception):
    """Report that a transport failed: `message` is for the log, in English, `told` for staff, in Portuguese.

    `permanent` is true where the fault is ours or the message's, and a retry cannot help.
    """

    def __init__(self, message: str, told: str, *, permanent: bool):
        super().__init__(message)
        self.told = told
        self.permanent = permanent


class CredentialsRejected(TransportError):
    """Report that the transport rejects our key or account: no retry helps, and no other message gets through."""

    def __init__(self, message: str, told: str):
        super().__init__(message, told, permanent=True)


class TooFast(TransportError):
    """Report that we send faster than the transport allows; `retry_after` is how many seconds it asks for, or None."""

    def __init__(self, message: str, told: str, retry_after: float | None = None):
        super().__init__(message, told, permanent=False)
        self.retry_after = retry_after


class Sealed(NamedTuple):
    """Hold a message encrypted, signed and encoded once, so that each attempt sends the same.

    `size` is its length in bytes as the transport counts them, `billed` for how many messages it bills this one.
    """

    body: str
    size: int
    billed: int = 1


@dataclass
class Envelope:
    """Hold a stamped row for a transport, with the log's epoch and the key epoch of the row's channel.

    `until` is the monotonic second by which the dispatcher that claimed the row must be done, `traceparent` the span in
    which it is published; it goes no further. The transport sets `sealed`.
    """

    row: Notification
    epoch: str
    key_epoch: int
    until: float = field(default=math.inf, compare=False)
    traceparent: str | None = field(default=None, compare=False)
    sealed: Sealed | None = field(default=None, compare=False, repr=False)


class Listening(Protocol):
    """Describe a subscription to one channel of a transport."""

    async def next(self) -> tuple[str, Any]:
        """Wait for the next message, and return its `(message id, data)`; data None: we did not sign it."""


class Transport(Protocol):
    """Describe what the dispatcher, its canary and its revoker ask of a transport."""

    def seal(self, envelope: Envelope) -> None:
        """Set `envelope.sealed`, ready to be published. Raises TransportError where the message is too large."""

    async def publish(self, envelopes: Sequence[Envelope]) -> list[TransportError | None]:
        """Publish `envelopes`, each of another channel, in one request; return the error of each, or None.

        Publishing the same row again sends the same id and bytes. Raises TransportError where all of them failed.
        """

    async def announce(self, channel: str, data: dict[str, Any], *, key: bytes) -> str:
        """Publish `data` to a channel that is not the log's, encrypted with `key` and signed.

        Return the message's id. Raises TransportError.
        """

    def subscribe(self, channel: str, *, key: bytes) -> AbstractAsyncContextManager[Listening]:
        """Return a context manager that subscribes to `channel`, and ends the subscription with the block.

        It verifies, and decrypts with `key`. Entering it raises TransportError.
        """

    async def probe(self) -> None:
        """Check that the transport answers and accepts our key. Raises TransportError."""

    async def revoke(self, targets: list[str], issued_before: int) -> None:
        """Revoke the tokens of `targets` (at most 100) issued before `issued_before`, in milliseconds since 1970.

        Raises TransportError.
        """

    async def close(self) -> None:
        """Close the connections."""
