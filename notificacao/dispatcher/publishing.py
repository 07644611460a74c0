"""Publish claimed rows side by side: claim more while others are under way, and settle outcomes as they come."""

import asyncio
import contextlib
import time
from collections import Counter, defaultdict

import structlog

from notificacao import tracing, wakes
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.dispatcher import claims, orchestrator
from notificacao.dispatcher.orchestrator import NOBODY_ON_ABLY, PUBLISHED, NotificationOrchestrator, Outcome
from notificacao.outages import Repeats
from notificacao.rollout import Rollout
from notificacao.transports import Envelope

logger = structlog.get_logger(__name__)

UNDER_WAY = 1_000  # rows: about two seconds at 500 a second
PER_CHANNEL = 50  # rows under way at which no more of a channel are claimed: it cannot fill all of `UNDER_WAY`
_SHARE_OF_LEASE = 0.9  # of the claim's lease, for publishing; the rest is for settling
_TOGETHER = 0.05  # seconds in which outcomes that no stream waits for are gathered into one write
_AT_A_TURN = 5  # rows that are begun in one turn of the loop: each is encrypted and signed, a third of a millisecond
_PATIENT = (PUBLISHED, NOBODY_ON_ABLY)  # streams in standby wait for every other outcome


class Publishing:
    """Run one task for each row under way. A row waits for no other but those before it in its channel.

    `claimable` is set when another claim may find something. It is for one event loop; the database is asked on
    `thread`.
    """

    def __init__(self, thread: DatabaseThread, sending: NotificationOrchestrator):
        self._thread = thread
        self._orchestrator = sending
        self._under_way: dict[asyncio.Task, str] = {}  # the row's task, its channel
        self._outcomes: dict[str, dict[int, Outcome]] = defaultdict(dict)
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()
        self._left_something = False
        self._told = Repeats()
        self.claimable = asyncio.Event()

    async def take(self, term: int, rollout: Rollout) -> int:
        """Claim as many rows as there is room for and start them; return how many: fewer than a batch are the last.

        `term` is the leader's term, `rollout` says which channels go to Ably.
        """
        by_channel = Counter(self._under_way.values())
        busy = [channel for channel, rows in by_channel.items() if rows >= PER_CHANNEL]
        room = UNDER_WAY - len(self._under_way)
        self._left_something = bool(busy) or room <= 0
        if room <= 0:
            return 0
        until = time.monotonic() + _SHARE_OF_LEASE * conf.DISPATCH_LEASE
        held, envelopes, outcomes = await self._thread.run(_claim, term, room, busy, rollout)
        if not held:
            return 0
        rows = len(envelopes) + len(outcomes)
        self._left_something = self._left_something or rows >= room
        self._settle_soon(held, outcomes)
        for begun, envelope in enumerate(envelopes):
            if begun and begun % _AT_A_TURN == 0:
                await asyncio.sleep(0)  # requests with the first rows leave while the next are encrypted
            envelope.until = until
            task = asyncio.create_task(self._send(held, envelope), name="row")
            self._under_way[task] = envelope.row.channel
            task.add_done_callback(self._make_room)
        return rows

    async def _send(self, held: str, envelope: Envelope) -> None:
        """Send one row, note its outcome, and make its room free."""
        row = envelope.row
        try:
            outcome = await self._orchestrator.send(envelope)
            if outcome is not None:
                self._settle_soon(held, {row.pk: outcome})
        except Exception as error:  # it stays claimed, and is taken again when its lease is over
            if rows := self._told.due(type(error).__name__):
                logger.exception("publish_fault", error=str(error), rows=rows)

    def _make_room(self, task: asyncio.Task) -> None:
        """Forget the row, however its task ended: one that is cancelled at once never had a first step."""
        del self._under_way[task]
        if self._left_something:
            self.claimable.set()

    def _settle_soon(self, held: str, outcomes: dict[int, Outcome]) -> None:
        """Note `{pk: outcome}` of rows held under the lease `held`, to be written by the next `settle`."""
        if outcomes:
            self._outcomes[held].update(outcomes)
            self._news.set()
            if any(outcome not in _PATIENT for outcome in outcomes.values()):
                self._urgent.set()

    async def settle(self) -> None:
        """Wait for an outcome, then write all that came since the last time. Raises DatabaseError.

        Outcomes that could not be written are kept for the next time.
        """
        await self._news.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TOGETHER):
                await self._urgent.wait()
        self._news.clear()
        self._urgent.clear()
        outcomes, self._outcomes = self._outcomes, defaultdict(dict)
        try:
            await self._thread.run(claims.settle, outcomes)
        except Exception:
            for held, unwritten in outcomes.items():
                self._settle_soon(held, unwritten)
            raise
        wakes.wake(wakes.HUBS)

    async def stop(self) -> None:
        """Cancel every row under way, and publish nothing more; the next leader claims these rows."""
        self._orchestrator.stop()
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _claim(term: int, room: int, busy: list[str], rollout: Rollout) -> tuple[str, list[Envelope], dict[int, Outcome]]:
    """Claim rows and route them, in one call of the thread; return the lease and what `route` makes of the rows.

    The lease is blank where nothing was claimed.
    """
    began = time.time_ns()
    held, rows = claims.claim(term, room, busy)
    if not rows:
        return "", [], {}
    envelopes, outcomes = orchestrator.route(rows, rollout)
    for row in rows:
        outcome = outcomes[row.pk].state.value if row.pk in outcomes else None
        tracing.note("claim", row.traceparent, began, seq=row.seq, attempts=row.attempts, outcome=outcome)
    return held, envelopes, outcomes
