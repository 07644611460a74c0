"""Run the dispatcher's tasks on the event loop: lead, stamp, claim and publish, settle, watch Ably and its rollout."""

import asyncio
import contextlib
import time
import uuid
from dataclasses import replace

import structlog
from django.db import DatabaseError, InterfaceError

from notificacao import cost, database, doorbells, history, metrics, rollout, wakes
from notificacao.conf import conf
from notificacao.database import DatabaseThread, is_away
from notificacao.dispatcher import changes, claims, lease
from notificacao.dispatcher.alert_watch import AlertWatch
from notificacao.dispatcher.breaker import OPEN
from notificacao.dispatcher.breaker_monitor import BreakerMonitor, breaker_from_settings
from notificacao.dispatcher.canary import Canary
from notificacao.dispatcher.cost_schedule import CostSchedule
from notificacao.dispatcher.guard_schedule import GuardSchedule
from notificacao.dispatcher.orchestrator import NotificationOrchestrator
from notificacao.dispatcher.pace import StampPace
from notificacao.dispatcher.publishing import Publishing
from notificacao.dispatcher.revoker import Revoker
from notificacao.dispatcher.stamp import BATCH, LeadLost, stamp
from notificacao.dispatcher.upkeep import Upkeep
from notificacao.epoch import LogResetDetector
from notificacao.outages import Repeats
from notificacao.rounds import Rounds
from notificacao.transports import Transport

logger = structlog.get_logger(__name__)

_FLAG_IS_FRESH_FOR = 0.25  # seconds; staff are promised that Ably is off within one second
_WATCH_EVERY = 0.25  # seconds
_AFTER_A_FAULT = 0.5  # seconds


class Dispatcher:
    """Dispatch notifications, as one of any number of dispatchers: the holder of the lease leads, the others wait.

    `transport` is None where Ably is not configured: rows are then stamped and none is published. Stamping has a
    database thread of its own and never waits for a network; dispatching has another.
    """

    def __init__(self, transport: Transport | None):
        self._transport = transport
        breaker = breaker_from_settings()
        self._orchestrator = NotificationOrchestrator(transport, breaker, self._read_rollout, self._may_publish)
        self._holder = uuid.uuid4().hex
        self._term: int | None = None
        self._leads_until = 0.0  # monotonic seconds: a leader that slept past them asks again before it publishes
        self._leading_rounds = Rounds()
        self._stamping_rounds = Rounds()
        self._placed = False  # whether the first answer about the lease has come
        self._reset_detector = LogResetDetector()
        self._faults = Repeats()
        self._stamping = DatabaseThread("stamp")
        self._dispatching = DatabaseThread("dispatch")
        self._retaining = DatabaseThread("retention", database.HEAVY)
        self._publishing = Publishing(self._dispatching, self._orchestrator)
        self._watch: BreakerMonitor | None = None
        self._canary: Canary | None = None
        if transport is not None:
            self._canary = canary = Canary(transport, breaker, self._dispatching, self._term_to_probe_in)
            self._watch = BreakerMonitor(transport, breaker, self._dispatching, lambda: canary.silent)
        self._rollout: tuple[float, rollout.Rollout] | None = None
        self._noted: tuple | None = None  # the term and the rollout that were kept last
        self._revoker = Revoker(transport, lambda: self.leads)
        self._guard = GuardSchedule(lambda: self._term)
        self._upkeep = Upkeep(self._retaining, lambda: self._term, self._may_publish)
        self._alerts = AlertWatch(self._retaining, lambda: self.leads, cost.month)
        self._cost = CostSchedule(self._retaining, lambda: self._term)

    @property
    def age(self) -> float | None:
        """Return the seconds since the lease was asked for and rows were looked for, whichever is longer ago."""
        led, looked = self._leading_rounds.age, self._stamping_rounds.age
        return None if led is None or looked is None else max(led, looked)

    @property
    def leads(self) -> bool:
        """Return whether this dispatcher led when it last asked for the lease."""
        return self._term is not None

    def _may_publish(self) -> bool:
        """Return whether the lease is certain to be held still, by this process's own clock."""
        return self.leads and time.monotonic() < self._leads_until

    async def run(self) -> None:
        """Run all tasks until cancelled; then give back the lease and close transport and threads."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (
                    self._lead,
                    self._stamp,
                    self._dispatch,
                    self._publishing.settle,
                    self._watch_ably,
                    self._watch_departures,
                    self._probe_ably,
                    self._upkeep.measure,
                    self._upkeep.retain,
                    self._upkeep.link_audit,
                    self._upkeep.write_figures,
                    self._revoker.work_off,
                    self._guard.watch,
                    self._alerts.watch,
                    self._cost.watch,
                ):
                    tasks.create_task(self._forever(work), name=f"dispatcher {work.__qualname__}")
        finally:
            await self._give_back()

    async def _give_back(self) -> None:
        """Stop publishing, release the lease, and close transport and threads."""
        metrics.LEAD.lose(self)
        await self._stop_publishing()
        with contextlib.suppress(DatabaseError, InterfaceError):
            await self._stamping.run(lease.release, self._holder)
        if self._transport is not None:
            await self._transport.close()
        self._stamping.close()
        self._dispatching.close()
        self._retaining.close()
        self._revoker.close()
        self._guard.close()

    async def _forever(self, work) -> None:
        """Repeat `work`, and start afresh after a fault: the database has everything that a round needs.

        LeadLost ends the lead and stops publishing.
        """
        while True:
            try:
                await work()
            except LeadLost as lost:
                await self._lose_the_lead(str(lost))
            except Exception as error:
                if not is_away(error) and (times := self._faults.due(work.__qualname__, type(error).__name__)):
                    logger.exception("dispatcher_fault", task=work.__qualname__, error=str(error), times=times)
                await asyncio.sleep(_AFTER_A_FAULT)

    async def _lose_the_lead(self, reason: str) -> None:
        """Lead no more, and stop publishing; several tasks may find out, one of them tells."""
        if self.leads:
            logger.warning("dispatcher_lost_the_lead", term=self._term, reason=reason)
        self._term = None
        metrics.LEAD.lose(self)
        await self._stop_publishing()

    async def _stop_publishing(self) -> None:
        if self._watch is not None:
            self._watch.stop()
        await self._publishing.stop()

    async def _lead(self) -> None:
        """Take or renew the lease once, and have the reset detector look at the log."""
        asked_at = time.monotonic()
        term = await self._stamping.run(lease.hold, self._holder, self._term)
        self._leads_until = asked_at + lease.LENGTH.total_seconds()
        if term is None and self.leads:
            await self._lose_the_lead("another holds the lease")
        await self._stamping.run(self._reset_detector.look, term is not None)
        if term is not None:
            metrics.LEAD.hold(self, self._leads_until)
        if term != self._term or not self._placed:
            if term is not None:
                metrics.LEAD_CHANGES.inc()
                logger.info("dispatcher_leads", term=term)
            elif not self._placed:
                logger.info("dispatcher_follows")
            self._placed, self._term = True, term
            doorbells.ring(wakes.DISPATCHER)
        self._leading_rounds.succeeded()
        await asyncio.sleep(lease.RENEW_EVERY)

    async def _stamp(self) -> None:
        """Stamp rows whenever the doorbell rings, in its pace, and every `DISPATCH_POLL` seconds."""
        doorbell = doorbells.Doorbell(wakes.DISPATCHER)
        pace = StampPace(time.monotonic)
        rang = False
        try:
            while True:
                pace.began()
                rows = await self._stamp_what_waits(rang)
                pace.ended(rows, doorbell.rings)
                self._stamping_rounds.succeeded()
                rang = await doorbell.wait(conf.DISPATCH_POLL)
                await doorbell.gather(pace.wait(conf.STAMP_PACE))
        finally:
            doorbell.close()

    async def _stamp_what_waits(self, rang: bool) -> int:
        """Stamp all rows that wait and number all changes, batch by batch, and wake the hubs and the publishing.

        Return how many rows.

        Batches of both take turns: a row waits for one batch of changes at most, however many there are. `rang`:
        whether a wake came. A wake with nothing to stamp may be of `claims.send_again`, whose rows were stamped
        long ago: they are to be claimed.
        """
        rows, more = 0, True
        while more and self._term is not None:
            stamped, more, skipped, renewed = await self._stamping.run(self._stamp_batch, self._term)
            self._stamping_rounds.succeeded()
            rows += stamped
            self._orchestrator.note_keys(renewed)
            if renewed:
                logger.info("channel_keys_renewed", channels=len(renewed))
            to_publish = not skipped if stamped else rang
            if to_publish:
                self._publishing.claimable.set()
        return rows

    def _stamp_batch(self, term: int) -> tuple[int, bool, bool, dict[str, int]]:
        """Stamp a batch of rows, and number a batch of changes; the hubs are woken for either.

        Return how many rows, whether more of either may wait, whether the rows were settled since nobody is on Ably,
        and `{channel: key epoch}` of the keys that were renewed.
        """
        skip = self._rollout_now().off
        rows = stamp(term, skip=skip, reset_detector=self._reset_detector)
        numbered, renewed = changes.number(term) if changes.tell_of(rows) else (0, {})
        if numbered:
            wakes.wake(wakes.HUBS)
        more = len(rows) == BATCH or numbered == changes.BATCH
        return len(rows), more, skip, renewed

    async def _dispatch(self) -> None:
        """Claim batches until one is not full, then wait for more, `DISPATCH_POLL` seconds at most."""
        claimable = self._publishing.claimable
        while True:
            claimable.clear()
            if self._watch is not None and self._term is not None:
                await self._watch.knows_ably()
            full = True
            while full and self._term is not None:
                full = await self._publishing.take(self._term, await self._read_rollout()) >= claims.BATCH
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(conf.DISPATCH_POLL):
                    await claimable.wait()

    async def _read_rollout(self) -> rollout.Rollout:
        """Return the rollout, at most `_FLAG_IS_FRESH_FOR` seconds old."""
        known = self._fresh_rollout()
        return await self._dispatching.run(self._rollout_now) if known is None else known

    def _fresh_rollout(self) -> rollout.Rollout | None:
        """Return the rollout that was read last; None where it is too old or was never read."""
        if self._rollout is None or time.monotonic() - self._rollout[0] > _FLAG_IS_FRESH_FOR:
            return None
        return self._rollout[1]

    def _rollout_now(self) -> rollout.Rollout:
        """Return the rollout on a database thread, read from the database where the known one is too old."""
        known = self._fresh_rollout()
        if known is None:
            now = time.monotonic()
            known = replace(rollout.current(), by_sse=cost.by_sse())
            self._rollout = now, known
        return known

    async def _watch_ably(self) -> None:
        """Do one round of the breaker's monitor."""
        now = await self._read_rollout()
        metrics.BREAKER.state(now.breaker)
        if self._watch is not None and self._term is not None:
            await self._watch.look(self._term, now)
        if self._term is not None and self._noted != (self._term, now.key, now.breaker):
            await self._dispatching.run(history.note_rollout, now)
            self._noted = self._term, now.key, now.breaker
        await asyncio.sleep(_WATCH_EVERY)

    async def _watch_departures(self) -> None:
        """Report a standstill; it waits for no thread and no network, since these may be the reason.

        Where it is not certain to lead, what it showed as the leader is no longer so.
        """
        self._orchestrator.report_standstill()
        if not self._may_publish():
            metrics.LEAD.lose(self)
        await asyncio.sleep(_WATCH_EVERY)

    async def _probe_ably(self) -> None:
        """Run the canary; without a transport wait for ever."""
        if self._canary is None:
            await asyncio.Event().wait()
        else:
            await self._canary.probe_loop()

    async def _term_to_probe_in(self) -> int | None:
        """Return the leader's term; None while another leads, or staff force the breaker open.

        A breaker that is forced open keeps Ably out of use, and Ably is then not even asked.
        """
        return None if (await self._read_rollout()).forced == OPEN else self._term
