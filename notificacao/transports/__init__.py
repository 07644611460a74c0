"""Ways out of the house: what can carry a notification to a browser besides our own stream."""

import math
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from notificacao.models import Notification


class TransportError(Exception):
    """A publish that did not succeed: `message` for the log, in English, `told` for staff, in Portuguese.

    `permanent`: the fault is ours or the message's, and a retry cannot help.
    """

    def __init__(self, message: str, told: str, *, permanent: bool):
        super().__init__(message)
        self.told = told
        self.permanent = permanent


class CredentialsRejected(TransportError):
    """Our key or our account is refused: a retry cannot help, and nobody else's message gets through either."""

    def __init__(self, message: str, told: str):
        super().__init__(message, told, permanent=True)


class TooFast(TransportError):
    """We send faster than the other side allows. `retry_after`: seconds that it asks for; None where it does not."""

    def __init__(self, message: str, told: str, retry_after: float | None = None):
        super().__init__(message, told, permanent=False)
        self.retry_after = retry_after


class Sealed(NamedTuple):
    """A message as it leaves: encrypted and encoded once, the same on each attempt. `size` as the other side counts."""

    body: str
    size: int


@dataclass
class Envelope:
    """A stamped row, ready to go: with the log's epoch and its channel's key epoch.

    `until`: the monotonic second at which whoever claimed the row must be done. `sealed` is the transport's.
    """

    row: Notification
    epoch: str
    key_epoch: int
    until: float = field(default=math.inf, compare=False)
    sealed: Sealed | None = field(default=None, compare=False, repr=False)


class Listening(Protocol):
    async def next(self) -> tuple[str, Any]:
        """`(message id, data)` of what arrives next; waits for it."""


class Transport(Protocol):
    def seal(self, envelope: Envelope) -> None:
        """Make it ready to be published. Raises TransportError where it is too large."""

    async def publish(self, envelopes: Sequence[Envelope]) -> list[TransportError | None]:
        """Publish each once, in one request: sealed rows of as many channels. What went wrong with each; None is well.

        Publishing the same row again sends the same id and bytes. Raises TransportError where all of it failed.
        """

    async def announce(self, channel: str, data: dict[str, Any], *, key: bytes | None = None) -> str:
        """Publish `data` to a channel that is not the log's; the message's id. Raises TransportError."""

    def subscribe(self, channel: str, *, key: bytes | None = None) -> AbstractAsyncContextManager[Listening]:
        """`async with` it: what arrives on `channel` from then on. Raises TransportError."""

    async def probe(self) -> None:
        """Whether the other side answers and accepts our key. Raises TransportError."""

    async def revoke(self, targets: list[str], issued_before: int) -> None:
        """Take back the tokens of `targets` (at most 100) issued before that moment, in ms. Raises TransportError."""

    async def close(self) -> None:
        """Give back the connection."""
