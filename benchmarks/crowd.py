"""Many clients of an event stream, lean enough not to be what is measured: each is one slotted protocol on uvloop."""

import asyncio
import re
import time
from collections.abc import Callable, Iterable

MARK = b"~"  # stands once in each event, and nowhere else
_SEQ = re.compile(rb"\nid: [0-9a-f]+\.(\d+)\ndata")
_TAIL = 40  # bytes that an id may straddle


class Seat(asyncio.Protocol):
    """One client: counts marks; where it is `sampled`, notes when each seq came."""

    __slots__ = ("_begun", "_crowd", "_head", "_request", "_rest", "sampled", "transport")

    def __init__(self, crowd: "Crowd", request: bytes, sampled: bool):
        self._crowd = crowd
        self._request = request
        self._begun = False
        self._head = b""
        self._rest = b""
        self.sampled = sampled

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        crowd = self._crowd
        if not self._begun:
            self._begin(data)
        crowd.events += data.count(MARK)
        crowd.chunks += 1
        if self.sampled:
            now = time.perf_counter()
            data = self._rest + data
            crowd.came += [(int(found[1]), now) for found in _SEQ.finditer(data)]
            self._rest = data[data.rfind(b"\ndata") + 1 :][-_TAIL:]
        if crowd.events >= crowd.wanted:
            crowd.reached.set()

    def _begin(self, data: bytes) -> None:
        self._head += data
        refused = b" 200 " not in self._head[:20]
        if refused or self._crowd.begins_with in self._head:
            self._begun = True
            self._crowd.begun += 1
            self._crowd.refused += refused
            if self._crowd.begun == self._crowd.size:
                self._crowd.all_begun.set()
            self._head = b""

    def connection_lost(self, error: Exception | None) -> None:
        self._crowd.lost += 1


class Crowd:
    """`size` clients at `port`; `request(number)` is what each says. `begins_with` is what shows that it has begun."""

    def __init__(self, port: int, size: int, request: Callable[[int], bytes], begins_with: bytes, sample: int = 0):
        self.size = size
        self.begins_with = begins_with
        self._port = port
        self._request = request
        self._sample = sample
        self._seats: list[Seat] = []
        self.all_begun = asyncio.Event()
        self.reached = asyncio.Event()
        self.begun = self.refused = self.lost = 0
        self.events = self.chunks = 0
        self.wanted = float("inf")
        self.came: list[tuple[int, float]] = []

    async def open(self, at_once: int = 200, within: float = 240) -> float:
        """Seconds until all have begun."""
        began = time.perf_counter()
        gate = asyncio.Semaphore(at_once)
        try:
            async with asyncio.timeout(within):
                await asyncio.gather(*(self._open(number, gate) for number in range(self.size)))
                await self.all_begun.wait()
        except TimeoutError:
            raise TimeoutError(f"{self.begun} of {self.size} had begun, {self.lost} were lost") from None
        assert not self.refused, f"{self.refused} of {self.size} were refused"
        return time.perf_counter() - began

    async def _open(self, number: int, gate: asyncio.Semaphore) -> None:
        sampled = bool(self._sample) and number % (self.size // self._sample) == 0
        async with gate:
            _, seat = await asyncio.get_running_loop().create_connection(
                lambda: Seat(self, self._request(number), sampled), "127.0.0.1", self._port
            )
        self._seats.append(seat)

    async def receive(self, within: float = 60) -> None:
        """Until what is expected has come. Raises TimeoutError."""
        try:
            async with asyncio.timeout(within):
                await self.reached.wait()
        except TimeoutError:
            raise TimeoutError(f"{self.wanted - self.events} events lack, {self.lost} clients were lost") from None

    def expect(self, events: int) -> None:
        """`receive` waits for `events` from here on."""
        self.reached.clear()
        self.wanted = self.events + events

    def drop(self) -> None:
        """All connections at once, as when a network goes away."""
        for seat in self._seats:
            seat.transport.abort()
        self._seats.clear()
        self.begun = 0
        self.all_begun.clear()


def delays_ms(came: Iterable[tuple[int, float]], sent: dict[int, float]) -> list[float]:
    return sorted(1_000 * (at - sent[seq]) for seq, at in came if seq in sent)
