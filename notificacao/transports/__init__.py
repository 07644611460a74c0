"""Ways out of the house: what can carry a notification to a browser besides our own stream."""

from dataclasses import dataclass
from typing import Protocol

from notificacao.models import Notification


class TransportError(Exception):
    """A publish that did not succeed. `permanent`: the fault is ours or the message's, and a retry cannot help."""

    def __init__(self, message: str, *, permanent: bool):
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True)
class Envelope:
    """A stamped row, ready to go: with the log's epoch and its channel's key epoch."""

    row: Notification
    epoch: str
    key_epoch: int


class Transport(Protocol):
    async def publish(self, envelope: Envelope) -> None:
        """Publish once. Publishing the same row again sends the same id and bytes. Raises TransportError."""

    async def probe(self) -> None:
        """Whether the other side answers and accepts our key. Raises TransportError."""

    async def revoke(self, targets: list[str], issued_before: int) -> None:
        """Take back the tokens of `targets` (at most 100) issued before that moment, in ms. Raises TransportError."""

    async def close(self) -> None:
        """Give back the connection."""
