"""The dispatcher's tasks on the event loop: lead, stamp, dispatch, watch Ably."""

import asyncio
import contextlib
import time
import uuid

import structlog
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from notificacao import orchestrator, retention, rollout, wakes
from notificacao.breaker import Breaker
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.dispatcher import claims, lease
from notificacao.dispatcher.stamp import BATCH, LeadLost, stamp
from notificacao.epoch import Witness
from notificacao.models import BreakerState
from notificacao.orchestrator import NotificationOrchestrator
from notificacao.transports import Transport, TransportError

log = structlog.get_logger(__name__)

_FLAG_IS_FRESH_FOR = 0.25  # seconds; rule 7 grants one second
_WATCH_EVERY = 0.25  # seconds
_AFTER_A_FAULT = 0.5  # seconds
_RETAIN_EVERY = 600.0  # seconds
_RETAIN_PAUSE = 0.5  # seconds between batches: stamping and producers come first


class Dispatcher:
    """One of any number; the one that holds the lease stamps and dispatches, the others wait.

    Stamping has a thread of its own and never waits for a network; dispatching has another.
    """

    def __init__(self, transport: Transport | None):
        self._transport = transport
        self._breaker = Breaker(clock=time.monotonic)
        self._orchestrator = NotificationOrchestrator(transport, self._breaker, self._read_rollout)
        self._holder = uuid.uuid4().hex
        self._term: int | None = None
        self._placed = False  # whether it knows yet that it leads, or that another does
        self._witness = Witness()
        self._stamping = DatabaseThread("stamp")
        self._dispatching = DatabaseThread("dispatch")
        self._retaining = DatabaseThread("retention")
        self._stamped = asyncio.Event()
        self._rollout: tuple[float, rollout.Rollout] | None = None

    @property
    def leads(self) -> bool:
        return self._term is not None

    async def run(self) -> None:
        """Until cancelled; then the lease is given back."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self._lead, self._stamp, self._dispatch, self._watch_ably, self._retain):
                    tasks.create_task(self._forever(work), name=f"dispatcher{work.__name__}")
        finally:
            await self._give_back()

    async def _give_back(self) -> None:
        with contextlib.suppress(DatabaseError, InterfaceError):
            await self._stamping.run(lease.release, self._holder)
        if self._transport is not None:
            await self._transport.close()
        self._stamping.close()
        self._dispatching.close()
        self._retaining.close()

    async def _forever(self, work) -> None:
        """Whatever goes wrong in a round, the next one starts afresh: the truth is in the database."""
        while True:
            try:
                await work()
            except LeadLost as lost:
                log.warning("dispatcher_lost_the_lead", reason=str(lost))
                self._term = None
            except Exception as error:
                log.exception("dispatcher_fault", task=work.__name__, error=str(error))
                await asyncio.sleep(_AFTER_A_FAULT)

    async def _lead(self) -> None:
        term = await self._stamping.run(lease.hold, self._holder, self._term)
        await self._stamping.run(self._witness.look, term is not None)
        if term != self._term or not self._placed:
            log.info("dispatcher_leads" if term else "dispatcher_follows", term=term)
            self._placed, self._term = True, term
            wakes.ring(wakes.DISPATCHER)
        await asyncio.sleep(lease.RENEW_EVERY)

    async def _stamp(self) -> None:
        doorbell = wakes.Doorbell(wakes.DISPATCHER)
        rang = False
        try:
            while True:
                await self._stamp_what_waits(rang)
                rang = await doorbell.wait(conf.DISPATCH_POLL)
        finally:
            doorbell.close()

    async def _stamp_what_waits(self, rang: bool) -> None:
        """A ring with nothing to stamp may tell of rows that are back, stamped long ago: `claims.send_again`."""
        stamped = BATCH
        while stamped == BATCH and self._term is not None:
            stamped, skipped = await self._stamping.run(self._stamp_batch, self._term)
            if stamped:
                wakes.wake(wakes.HUBS)
            if rang if not stamped else not skipped:
                self._stamped.set()

    def _stamp_batch(self, term: int) -> tuple[int, bool]:
        """How many, and whether nobody is to publish them."""
        skip = self._rollout_now().off
        return stamp(term, skip=skip, witness=self._witness), skip

    async def _dispatch(self) -> None:
        while True:
            self._stamped.clear()
            while self._term is not None and await self._dispatch_batch(self._term):
                pass
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(conf.DISPATCH_POLL):
                    await self._stamped.wait()

    async def _dispatch_batch(self, term: int) -> bool:
        """Claim, publish, settle; whether there was anything."""
        held, rows = await self._dispatching.run(claims.claim, term)
        if not rows:
            return False
        envelopes, outcomes = await self._dispatching.run(orchestrator.route, rows, await self._read_rollout())
        outcomes |= await self._orchestrator.send(envelopes)
        await self._dispatching.run(claims.settle, held, outcomes)
        wakes.wake(wakes.HUBS)
        return True

    async def _retain(self) -> None:
        await asyncio.sleep(_RETAIN_EVERY)
        while self._term is not None and await self._retaining.run(retention.trim) > 0:
            await asyncio.sleep(_RETAIN_PAUSE)
        if self._term is not None:
            await self._retaining.run(retention.clear_sessions)

    async def _read_rollout(self) -> rollout.Rollout:
        known = self._fresh_rollout()
        return known if known is not None else await self._dispatching.run(self._rollout_now)

    def _fresh_rollout(self) -> rollout.Rollout | None:
        if self._rollout is None or time.monotonic() - self._rollout[0] > _FLAG_IS_FRESH_FOR:
            return None
        return self._rollout[1]

    def _rollout_now(self) -> rollout.Rollout:
        """On whichever of the two threads asks; from the database where what is known is too old."""
        known = self._fresh_rollout()
        if known is None:
            now = time.monotonic()
            known = rollout.current()
            self._rollout = now, known
        return known

    async def _watch_ably(self) -> None:
        """Keep the breaker's row like the breaker, and ask Ably itself while the breaker is not closed."""
        term = self._term
        if self._transport is not None and term is not None:
            if self._breaker.state != "closed" and self._breaker.admit():
                await self._probe(self._transport)
            await self._dispatching.run(_store, term, self._breaker.state, self._breaker.reason)
        await asyncio.sleep(_WATCH_EVERY)

    async def _probe(self, transport: Transport) -> None:
        try:
            await transport.probe()
        except TransportError as error:
            self._breaker.failure(str(error))
        else:
            self._breaker.success()


def _store(term: int, state: str, reason: str) -> None:
    """Write the breaker's state where it differs; half-open is nothing that anybody else acts upon. Raises LeadLost."""
    state = BreakerState.State.CLOSED if state == "closed" else BreakerState.State.OPEN
    row, _ = BreakerState.objects.get_or_create(pk=rollout.BREAKER)
    if row.state == state:
        return
    with transaction.atomic():
        if not lease.keep(term):
            raise LeadLost(f"term {term} is over")
        row.state, row.reason, row.changed_at = state, reason[:300], timezone.now()
        row.save()
    log.info("breaker_changed", state=state, reason=reason)
