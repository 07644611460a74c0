"""Send requests to the transport side by side, each with all rows that were waiting when it left."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from functools import partial

import structlog

from notificacao import metrics, tracing
from notificacao.conf import conf
from notificacao.dispatcher.breaker import Breaker, Reason
from notificacao.dispatcher.pace import Pace
from notificacao.transports import CredentialsRejected, Envelope, TooFast, Transport, TransportError

logger = structlog.get_logger(__name__)

LOOK_EVERY = 0.25  # seconds after which the rows that wait are checked again
_STANDSTILL = 5.0  # seconds beyond the longest request after which rows that wait are reported
_STEPS = 5  # into which the patience with a request is divided
_HEAVIEST = 500_000  # bytes of one request at most

# A check returns the exception that forbids an envelope to depart at this moment, for its caller; else None.
Check = Callable[[Envelope], Exception | None]
Turn = tuple[Envelope, asyncio.Future]


class Sender:
    """Send a request as soon as one of `ABLY_IN_FLIGHT` slots is free, with all rows that wait, up to `ABLY_BATCH`.

    So an idle Ably gets a row at once and alone, a busy one gets many in a request, and a slow request holds up nothing
    but its own rows. `look` is asked at each departure. The breaker is told of each request, not of each row. A caller
    of `publish` keeps a channel's rows in order by waiting for one before giving the next.
    """

    def __init__(self, transport: Transport, breaker: Breaker, look: Callable[[], Awaitable[Check]]):
        self._transport = transport
        self._breaker = breaker
        self._look = look
        self._pace = Pace(time.monotonic)
        self._waiting: deque[Turn] = deque()
        self._departures: asyncio.Task | None = None
        self._requests: set[asyncio.Task] = set()  # the slots that are taken: a task that has ended takes none
        self._moved_at = time.monotonic()  # when a request left last, or the first row began to wait
        self._stands_still = False

    async def publish(self, envelope: Envelope) -> None:
        """Publish one envelope once. Raises TransportError, or what `look` has against it when its turn comes."""
        turn = asyncio.get_running_loop().create_future()
        if not self._waiting:
            self._moved_at = time.monotonic()
        self._waiting.append((envelope, turn))
        if self._departures is None or self._departures.done():
            # A context of its own: what it logs belongs to no row, and not to the one that happened to start it.
            departing = asyncio.create_task(self._depart_until_empty(), name="departures", context=Context())
            self._departures = departing
        await turn

    def stop(self) -> None:
        """Cancel all requests and whoever waits for its turn; a row in flight may have arrived or not."""
        for task in (*self._requests, *([self._departures] if self._departures else [])):
            task.cancel()
        self._departures = None  # what comes before that task has ended begins with a new one
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    def report_standstill(self) -> None:
        """Report in metrics and log for how long rows wait and no request leaves; open the breaker where that is long.

        Whatever the reason is, the breaker brings these rows to everybody over SSE at once, and `/health/ably` shows it
        in every process.
        """
        seconds = time.monotonic() - self._moved_at if self._waiting else 0.0
        metrics.PUBLISH_STANDSTILL_SECONDS.set(seconds)
        stood_still, self._stands_still = self._stands_still, seconds > conf.ABLY_PUBLISH_TIMEOUT + _STANDSTILL
        if stood_still and not self._stands_still:
            logger.info("publishing_moves_again")
        if self._stands_still and not stood_still:
            rows = len(self._waiting)
            logger.error("publishing_stands_still", rows=rows, seconds=round(seconds, 1), requests=len(self._requests))
            self._breaker.trip(
                Reason(
                    f"há {seconds:.0f} s nada sai para o Ably, e há notificações à espera",
                    f"{rows} rows wait, and no request has left for {seconds:.0f} s",
                )
            )

    async def _depart_until_empty(self) -> None:
        """Send off batches until no row waits; a fault here is given to every row that waits."""
        try:
            while self._waiting:
                await self._until_due()
                self._turn_away(await self._look())
                if self._has_free_slot():  # no `await` from here to the request, which takes it
                    self._depart(self._next_batch())
        except Exception as error:
            while self._waiting:
                _tell(self._waiting.popleft()[1], error)

    async def _until_due(self) -> None:
        """Wait until the pace allows for a departure and a slot is free, `LOOK_EVERY` at most for each.

        Rows of the same moment go together: while each turn of the loop brings more, a batch waits until it is full.
        """
        waiting = 0
        await asyncio.sleep(min(self._pace.wait(), LOOK_EVERY))
        while waiting < len(self._waiting) < conf.ABLY_BATCH:
            waiting = len(self._waiting)
            await asyncio.sleep(0)
        if len(self._requests) >= conf.ABLY_IN_FLIGHT:
            await asyncio.wait(self._requests, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)

    def _has_free_slot(self) -> bool:
        """Tell whether a request may leave now."""
        return not self._pace.wait() and len(self._requests) < conf.ABLY_IN_FLIGHT

    def _depart(self, batch: list[Turn]) -> None:
        """Start the request of `batch`, where there is anything in it."""
        if not batch:
            return
        self._moved_at = time.monotonic()
        request = asyncio.create_task(self._request(batch), name="request")
        self._requests.add(request)
        request.add_done_callback(partial(self._arrived, batch))

    def _arrived(self, batch: list[Turn], request: asyncio.Task) -> None:
        """Give the slot back, however the request ended: one that is cancelled at once never had a first step."""
        self._requests.discard(request)
        fault = None if request.cancelled() else request.exception()
        for _, turn in batch:  # without effect on those that were told
            if isinstance(fault, Exception):
                _tell(turn, fault)
            turn.cancel()

    def _turn_away(self, check: Check) -> None:
        """Remove the waiting rows that `check` has something against, and those whose callers were cancelled."""
        staying: deque[Turn] = deque()
        for envelope, turn in self._waiting:
            against = check(envelope)
            if against is not None:
                _tell(turn, against)
            elif not turn.done():  # a done one was cancelled by its caller
                staying.append((envelope, turn))
        self._waiting = staying

    def _next_batch(self) -> list[Turn]:
        """Take the first rows that wait: `ABLY_BATCH` at most, and `_HEAVIEST` bytes.

        A row that is heavier by itself goes alone.
        """
        batch: list[Turn] = []
        weight = 0
        while self._waiting and len(batch) < conf.ABLY_BATCH:
            sealed = self._waiting[0][0].sealed
            weight += sealed.size if sealed else 0
            if batch and weight > _HEAVIEST:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _request(self, batch: list[Turn]) -> None:
        """Publish one batch, and report the outcome to breaker, pace and callers."""
        departed, began = self._pace.departed(), time.time_ns()
        slow = asyncio.create_task(self._lose_patience(), name="patience")
        try:
            with metrics.PUBLISH_SECONDS.time():
                faults: list = await self._transport.publish([envelope for envelope, _ in batch])
        except Exception as error:
            faults = [error] * len(batch)
        finally:
            in_time = slow.cancel()
        self._judge(faults, departed, in_time)
        for (envelope, turn), fault in zip(batch, faults, strict=True):
            outcome = "refused" if fault else "taken"
            tracing.note("ably", envelope.traceparent, began, rows=len(batch), outcome=outcome)
            _tell(turn, fault)

    async def _lose_patience(self) -> None:
        """Report a request as slow after `ABLY_SLOW_AFTER` seconds, while it is still in flight.

        It sleeps in steps, so that a moment in which this process itself stood still counts as one step and no more.
        """
        for _ in range(_STEPS):
            await asyncio.sleep(conf.ABLY_SLOW_AFTER / _STEPS)
        seconds = conf.ABLY_SLOW_AFTER
        self._breaker.slow(Reason(f"o Ably levou mais de {seconds} s", f"slower than {seconds} s"))

    def _judge(self, faults: list[Exception | None], departed: float, in_time: bool) -> None:
        """Report to breaker and pace the worst fault that this request shows of Ably."""
        told = [fault for fault in faults if isinstance(fault, TransportError)]
        for fault in told:
            reason = Reason(fault.told, str(fault))
            if isinstance(fault, CredentialsRejected):
                self._breaker.trip(reason)
                return
            if isinstance(fault, TooFast):
                metrics.ABLY_RATE_LIMITED.inc()
                self._pace.too_fast(departed, fault.retry_after)
                self._breaker.slow(reason)
                return
            if not fault.permanent:
                self._breaker.failure(reason)
                return
        if None in faults:
            self._pace.went_well(departed)
            if in_time:  # a late answer was counted as slow already
                self._breaker.success()


def _tell(turn: asyncio.Future, fault: Exception | None) -> None:
    """Wake the caller of one `publish` with its fault, or with success where that is None."""
    if turn.done():
        return
    if fault is None:
        turn.set_result(None)
    else:
        turn.set_exception(fault)
