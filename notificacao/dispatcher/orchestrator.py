"""Decide between Ably and SSE for each row, and carry a row for Ably to its outcome: retry, breaker, fallback.

SSE itself needs no decision: every row is in the log, and the stream hubs read the log.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from weakref import WeakValueDictionary

import stamina
import structlog
from django.db import connection
from django.db.models import QuerySet

from notificacao import alerts, audiences, cost, metrics, tracing
from notificacao.conf import conf
from notificacao.database import NOW_BESIDE_VALUES, ask, clock, placeholders
from notificacao.dispatcher.breaker import CLOSED, Breaker
from notificacao.dispatcher.sender import Check, Sender
from notificacao.models import Channel, DispatchState, LogHead, Notification
from notificacao.outages import Repeats
from notificacao.rollout import Rollout
from notificacao.transports import CredentialsRejected, Envelope, TooFast, Transport, TransportError

logger = structlog.get_logger(__name__)

_KEYS = f"""
    SELECT channel.name, log.epoch, channel.key_epoch, {{now}}
    FROM {Channel._meta.db_table} AS channel, {LogHead._meta.db_table} AS log
    WHERE log.id = 1 AND channel.name IN ({{channels}})
"""  # noqa: S608 – the tables' own names


@dataclass(frozen=True)
class Outcome:
    """Hold the state that a row is settled with, and why: `error` for staff, in Portuguese, `logged` in English.

    `fallback` is the word for why SSE carries a row that Ably was to carry, one of `metrics.FALLBACK_REASONS`; else
    blank. `billed` is how many messages the transport bills for a row that it took.
    """

    state: DispatchState
    error: str = ""
    fallback: str = ""
    logged: str = field(default="", compare=False)
    billed: int = field(default=0, compare=False)


PUBLISHED = Outcome(DispatchState.PUBLISHED)
NOBODY_ON_ABLY = Outcome(DispatchState.SKIPPED)
BREAKER_OPEN = Outcome(DispatchState.SKIPPED, "o disjuntor do Ably está aberto", "breaker_open")
BY_SSE_ALONE = Outcome(DispatchState.SKIPPED, "aviso sobre o próprio sistema: não depende do Ably")
OVER_BUDGET = Outcome(DispatchState.SKIPPED, cost.MOVED, "budget")
EXPIRED = Outcome(DispatchState.SKIPPED, "expirou antes do envio")
TOO_LATE = Outcome(DispatchState.FAILED, "não saiu no prazo da retirada", "late")


class Settled(Exception):
    """End the sending of a row that is not to be published.

    `outcome` is what the row is settled as; None where it is not ours to settle.
    """

    def __init__(self, outcome: Outcome | None):
        super().__init__(outcome)
        self.outcome = outcome


class NotificationOrchestrator:
    """Send claimed rows to the transport, in order within a channel, and return the outcome of each.

    `read_rollout` answers who is on Ably now; it is asked again before each attempt. `leads` answers whether this
    dispatcher may publish at all.
    """

    def __init__(
        self,
        transport: Transport | None,
        breaker: Breaker,
        read_rollout: Callable[[], Awaitable[Rollout]],
        leads: Callable[[], bool] = lambda: True,
    ):
        self._transport = transport
        self._breaker = breaker
        self._read_rollout = read_rollout
        self._leads = leads
        self._sender = Sender(transport, breaker, self._look) if transport is not None else None
        # {channel: (key epoch, when it was noted)} of keys renewed within the longest claim, in that order
        self._key_epochs: dict[str, tuple[int, float]] = {}
        self._told = Repeats()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # kept while a row waits

    async def send(self, envelope: Envelope) -> Outcome | None:
        """Publish one row and return its outcome; None where the row is not ours any more.

        The rows of a channel are published in the order of the calls.
        """
        turn = self._turns.setdefault(envelope.row.channel, asyncio.Lock())
        with tracing.span("publish", envelope.row.traceparent) as span:
            envelope.traceparent = tracing.current()
            async with turn:
                outcome = await self._send(envelope)
            if outcome is not None:
                span.set(seq=envelope.row.seq, outcome=outcome.state.value, fallback=outcome.fallback or None)
                self._tell_of_fallback(outcome)
        return outcome

    def _tell_of_fallback(self, outcome: Outcome) -> None:
        """Count and log a row that Ably was to carry and SSE carries."""
        if outcome.fallback:
            metrics.FALLBACKS.labels(outcome.fallback).inc()
            # What the governor moves it has logged itself, once.
            if outcome != OVER_BUDGET and (rows := self._told.due(outcome.fallback)):
                logger.warning("fallback", reason=outcome.fallback, error=outcome.logged, rows=rows)

    def note_keys(self, renewed: Mapping[str, int]) -> None:
        """Encrypt with these keys, `{channel: key epoch}`, whatever leaves from here on, also what is retried or waits.

        Ably takes the first of two messages with one id, so a row that is encrypted twice is still one message. A key
        is remembered for as long as a claim lasts: rows that are claimed later are routed with it.
        """
        now = time.monotonic()
        for channel, key_epoch in renewed.items():
            self._key_epochs.pop(channel, None)
            self._key_epochs[channel] = key_epoch, now
        for channel, (_, noted_at) in list(self._key_epochs.items()):
            if noted_at > now - conf.DISPATCH_LEASE:
                break
            del self._key_epochs[channel]

    def _seal_anew(self, envelope: Envelope) -> None:
        """Encrypt the row again where its channel's key was renewed since. Raises TransportError as `seal` does."""
        key_epoch, _ = self._key_epochs.get(envelope.row.channel, (0, 0.0))
        if key_epoch > envelope.key_epoch and self._transport is not None:
            envelope.key_epoch, envelope.sealed = key_epoch, None
            self._transport.seal(envelope)

    def stop(self) -> None:
        """Publish nothing more of the rows that were given."""
        if self._sender is not None:
            self._sender.stop()

    def report_standstill(self) -> None:
        """Report where rows wait for Ably and none leaves, as the sender does."""
        if self._sender is not None:
            self._sender.report_standstill()

    async def _send(self, envelope: Envelope) -> Outcome | None:
        """Publish one row if nothing stands against it, and return its outcome."""
        try:
            check = await self._look()
            if against := check(envelope):
                raise against
            assert self._sender is not None
            assert self._transport is not None
            self._transport.seal(envelope)
            await self._attempt(envelope, self._sender)
        except Settled as settled:
            return settled.outcome
        except TransportError as error:
            return Outcome(DispatchState.FAILED, error.told, _why(error), str(error))
        return replace(PUBLISHED, billed=envelope.sealed.billed) if envelope.sealed else PUBLISHED

    async def _attempt(self, envelope: Envelope, sender: Sender) -> None:
        """Publish one row, and retry transient faults within the time of its claim. Raises TransportError, Settled.

        The retry's own bookkeeping costs more than the encryption, so it begins with the first fault.
        """
        try:
            return await sender.publish(envelope)
        except TransportError as error:
            fault = error
        async for attempt in stamina.retry_context(
            on=_is_transient,
            attempts=conf.ABLY_PUBLISH_ATTEMPTS,
            wait_initial=0.1,
            wait_max=1.0,
            timeout=max(0.001, min(envelope.until - time.monotonic(), conf.DISPATCH_LEASE)),
        ):
            with attempt:
                if attempt.num == 1:
                    raise fault
                await sender.publish(envelope)

    async def _look(self) -> Check:
        """Return a check that tells why a row may not be published at this moment, or None.

        What leaves is encrypted with today's key.
        """
        rollout = await self._read_rollout()
        now, moment = clock.now(), time.monotonic()

        def check(envelope: Envelope) -> Settled | None:
            if not self._leads():
                return Settled(None)
            if against := self._against(envelope, rollout, now, moment):
                return Settled(against)
            self._seal_anew(envelope)
            return None

        return check

    def _against(self, envelope: Envelope, rollout: Rollout, now: datetime, moment: float) -> Outcome | None:
        """Return what a row is settled as that may not be published now; None where it may.

        `now` is the database's time, `moment` is monotonic.
        """
        if self._transport is None or rollout.off:
            return NOBODY_ON_ABLY
        if envelope.row.expires_at is not None and envelope.row.expires_at <= now:
            return EXPIRED
        if envelope.until <= moment:
            return TOO_LATE
        if self._breaker.state != CLOSED:
            return BREAKER_OPEN
        return OVER_BUDGET if envelope.row.priority in rollout.by_sse else None


def _is_transient(error: Exception) -> bool:
    """Return whether a retry may help."""
    return isinstance(error, TransportError) and not error.permanent


def _why(error: TransportError) -> str:
    """Return why SSE carries the row after `error`, one of `metrics.FALLBACK_REASONS`."""
    if isinstance(error, CredentialsRejected):
        return "refused"
    if isinstance(error, TooFast):
        return "rate_limited"
    return "message" if error.permanent else "ably_failed"


def route(rows: list[Notification], rollout: Rollout) -> tuple[list[Envelope], dict[int, Outcome]]:
    """Return the rows for Ably, each in an envelope, and `{pk: outcome}` of the others. Reads the database.

    A shared channel goes to Ably when at least one of its people is in the rollout. What tells of an alert of the
    system itself never does: it may be of Ably.
    """
    settled = {row.pk: BY_SSE_ALONE for row in rows if alerts.is_about_the_system(row.data)}
    rows = [row for row in rows if row.pk not in settled]
    wanted = _channels_on_ably({row.channel for row in rows}, rollout)
    envelopes = _envelopes([row for row in rows if row.channel in wanted])
    return envelopes, settled | {row.pk: NOBODY_ON_ABLY for row in rows if row.channel not in wanted}


def _envelopes(rows: list[Notification]) -> list[Envelope]:
    """Return each row in an envelope for the log's epoch and its channel's key epoch, and note the database's time."""
    if not rows:
        return []
    channels = {row.channel for row in rows}
    statement = _KEYS.format(now=NOW_BESIDE_VALUES[connection.vendor], channels=placeholders(channels))
    answers = ask(statement, [*channels])
    clock.note(answers[0][-1])
    found = {name: (epoch, key_epoch) for name, epoch, key_epoch, _ in answers}
    return [Envelope(row, *found[row.channel]) for row in rows]


def _channels_on_ably(channels: set[str], rollout: Rollout) -> set[str]:
    """Return those of `channels` that have at least one person whom the flag puts on Ably."""
    if rollout.off:
        return set()
    persons = audiences.persons_of(channels)
    assigned = rollout.assigned_of(persons.values())
    shared = {channel for channel in channels if not audiences.is_personal(channel)}
    if not rollout.for_all:
        shared = {channel for channel in shared if rollout.any_assigned(_subscribers(channel))}
    return shared | {channel for channel, pk in persons.items() if pk in assigned}


def _subscribers(channel: str) -> QuerySet:
    """Return the pks of the people who may subscribe to `channel`."""
    return audiences.subscribers(channel).values_list("pk", flat=True)
