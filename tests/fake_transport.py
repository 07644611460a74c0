"""A transport that keeps what it was given, and fails as it was told to."""

import asyncio
import contextlib
import uuid
from collections import Counter, defaultdict

from notificacao.transports import Envelope, Sealed, TransportError


def transient(reason: str = "503: away") -> TransportError:
    return TransportError(reason, f"o Ably falhou ({reason})", permanent=False)


def permanent(reason: str = "40009: too large") -> TransportError:
    return TransportError(reason, f"o Ably recusou o pedido ({reason})", permanent=True)


class FakeTransport:
    """`faults[pk]` are what goes wrong with the attempts to publish that row, one each; with `ill` every request and
    every probe fails, while it is set; `pause` is awaited by each request. What is announced is heard, but not while
    it is `deaf`.
    """

    def __init__(self):
        self.faults: dict[int, list[Exception]] = defaultdict(list)
        self.ill: Exception | None = None
        self.pause = lambda: asyncio.sleep(0)  # lets the others in, as a network does
        self.attempted: list[Envelope] = []
        self.published: list[Envelope] = []
        self.requests: list[list[int]] = []  # the seqs that went together
        self.probes = 0
        self.deaf = self.garble = False
        self.announced: list[dict] = []
        self.subscribed = 0
        self._ears: list[FakeListening] = []
        self.revoked: list[tuple[list[str], int]] = []
        self.closed = False
        self.in_flight: Counter[str] = Counter()
        self.requests_in_flight = 0
        self.most_in_flight = 0
        self.overtaken = False

    @property
    def seqs(self) -> list[int]:
        return [envelope.row.seq for envelope in self.published]

    def seal(self, envelope: Envelope) -> None:
        envelope.sealed = envelope.sealed or Sealed("{}", 2)

    async def publish(self, envelopes) -> list[Exception | None]:
        channels = Counter(envelope.row.channel for envelope in envelopes)
        self.attempted += envelopes
        self.requests.append([envelope.row.seq for envelope in envelopes])
        self.in_flight += channels
        self.overtaken |= any(rows > 1 for rows in self.in_flight.values())
        self.requests_in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.requests_in_flight)
        try:
            await self.pause()
            if self.ill is not None:
                raise self.ill
            return [self._publish(envelope) for envelope in envelopes]
        finally:
            self.in_flight -= channels
            self.requests_in_flight -= 1

    def _publish(self, envelope: Envelope) -> Exception | None:
        if self.faults[envelope.row.pk]:
            return self.faults[envelope.row.pk].pop(0)
        self.published.append(envelope)
        return None

    async def announce(self, channel: str, data: dict, *, key: bytes | None = None) -> str:
        if self.ill is not None:
            raise self.ill
        message_id = str(uuid.uuid4())
        self.announced.append(data)
        for ear in self._ears:
            if not self.deaf:
                ear.arrived.put_nowait((message_id, "???" if self.garble else data))
        return message_id

    @contextlib.asynccontextmanager
    async def subscribe(self, channel: str, *, key: bytes | None = None):
        if self.ill is not None:
            raise self.ill
        ear = FakeListening()
        self.subscribed += 1
        self._ears.append(ear)
        try:
            yield ear
        finally:
            self._ears.remove(ear)

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


class FakeListening:
    def __init__(self) -> None:
        self.arrived: asyncio.Queue = asyncio.Queue()

    async def next(self):
        return await self.arrived.get()
