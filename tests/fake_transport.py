"""A transport that keeps what it was given, and fails as it was told to."""

import asyncio
from collections import Counter, defaultdict

from notificacao.transports import Envelope, TransportError


def transient(reason: str = "503: away") -> TransportError:
    return TransportError(reason, permanent=False)


def permanent(reason: str = "40009: too large") -> TransportError:
    return TransportError(reason, permanent=True)


class FakeTransport:
    """`faults[pk]` are raised by the attempts to publish that row, one each; `ill` by every probe, while it is set."""

    def __init__(self):
        self.faults: dict[int, list[Exception]] = defaultdict(list)
        self.ill: Exception | None = None
        self.attempted: list[Envelope] = []
        self.published: list[Envelope] = []
        self.probes = 0
        self.revoked: list[tuple[list[str], int]] = []
        self.closed = False
        self.in_flight: Counter[str] = Counter()
        self.most_in_flight = 0
        self.overtaken = False

    @property
    def seqs(self) -> list[int]:
        return [envelope.row.seq for envelope in self.published]

    async def publish(self, envelope: Envelope) -> None:
        channel = envelope.row.channel
        self.attempted.append(envelope)
        self.in_flight[channel] += 1
        self.overtaken |= self.in_flight[channel] > 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight.total())
        try:
            await asyncio.sleep(0)  # lets the others in, as a network does
            if self.faults[envelope.row.pk]:
                raise self.faults[envelope.row.pk].pop(0)
            self.published.append(envelope)
        finally:
            self.in_flight[channel] -= 1

    async def probe(self) -> None:
        self.probes += 1
        if self.ill is not None:
            raise self.ill

    async def revoke(self, targets: list[str], issued_before: int) -> None:
        if self.ill is not None:
            raise self.ill
        self.revoked.append((targets, issued_before))

    async def close(self) -> None:
        self.closed = True
