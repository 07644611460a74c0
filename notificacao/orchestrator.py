"""The decision, Ably or SSE, and what becomes of it: retry, breaker, outcome. SSE itself needs no decision: every row
is in the log, and the stream hubs read the log.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import stamina
import structlog
from django.utils import timezone

from notificacao import audiences, metrics
from notificacao.breaker import Breaker
from notificacao.conf import conf
from notificacao.models import Channel, DispatchState, LogHead, Notification
from notificacao.rollout import Rollout
from notificacao.transports import Envelope, Transport, TransportError

log = structlog.get_logger(__name__)

IN_FLIGHT = 20


@dataclass(frozen=True)
class Outcome:
    """What a row is settled as, and why."""

    state: DispatchState
    error: str = ""


PUBLISHED = Outcome(DispatchState.PUBLISHED)
NOBODY_ON_ABLY = Outcome(DispatchState.SKIPPED)


def skipped(reason: str) -> Outcome:
    return Outcome(DispatchState.SKIPPED, reason)


class NotificationOrchestrator:
    """Takes claimed rows to the transport, in order within a channel, and tells the outcome of each.

    `read_rollout` answers who is on Ably now; it is asked again before each attempt.
    """

    def __init__(self, transport: Transport | None, breaker: Breaker, read_rollout: Callable[[], Awaitable[Rollout]]):
        self._transport = transport
        self._breaker = breaker
        self._read_rollout = read_rollout
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)

    async def send(self, envelopes: list[Envelope]) -> dict[int, Outcome]:
        """`{pk: outcome}` of every envelope. Channels go side by side; within one, rows go one after the other."""
        by_channel = itertools.groupby(sorted(envelopes, key=_channel_and_seq), key=lambda e: e.row.channel)
        outcomes: dict[int, Outcome] = {}
        async with asyncio.TaskGroup() as group:
            for _, rows in by_channel:
                group.create_task(self._send_in_order(list(rows), outcomes))
        return outcomes

    async def _send_in_order(self, envelopes: list[Envelope], outcomes: dict[int, Outcome]) -> None:
        for envelope in envelopes:
            async with self._in_flight:
                outcomes[envelope.row.pk] = await self._send_one(envelope)

    async def _send_one(self, envelope: Envelope) -> Outcome:
        try:
            async for attempt in stamina.retry_context(
                on=_is_transient, attempts=conf.ABLY_PUBLISH_ATTEMPTS, wait_initial=0.1, wait_max=1.0, timeout=None
            ):
                with attempt:
                    refusal = await self._refusal(envelope.row)
                    if refusal is not None:
                        return refusal
                    await self._publish(envelope)
        except TransportError as error:
            log.warning("publish_failed", notification=str(envelope.row.public_id), error=str(error))
            return Outcome(DispatchState.FAILED, str(error))
        return PUBLISHED

    async def _refusal(self, row: Notification) -> Outcome | None:
        """Why `row` is not to be published at this moment."""
        rollout = await self._read_rollout()
        if self._transport is None or rollout.off:
            return NOBODY_ON_ABLY
        if self._breaker.state != "closed":
            return skipped("o disjuntor do Ably está aberto")
        if row.expires_at is not None and row.expires_at <= timezone.now():
            return skipped("expirou antes do envio")
        return None

    async def _publish(self, envelope: Envelope) -> None:
        assert self._transport is not None
        try:
            with metrics.PUBLISH_SECONDS.time():
                await self._transport.publish(envelope)
        except TransportError as error:
            if not error.permanent:
                self._breaker.failure(str(error))
            raise
        self._breaker.success()


def _channel_and_seq(envelope: Envelope) -> tuple[str, int]:
    assert envelope.row.seq is not None
    return envelope.row.channel, envelope.row.seq


def _is_transient(error: Exception) -> bool:
    return isinstance(error, TransportError) and not error.permanent


def route(rows: list[Notification], rollout: Rollout) -> tuple[list[Envelope], dict[int, Outcome]]:
    """The rows that Ably is to carry, and the outcome of those that it is not: a shared channel goes to Ably when at
    least one of its people is in the rollout. Reads the database.
    """
    wanted = _channels_on_ably({row.channel for row in rows}, rollout)
    epoch = LogHead.objects.values_list("epoch", flat=True).get(pk=1)
    key_epochs = dict(Channel.objects.filter(pk__in=wanted).values_list("pk", "key_epoch"))
    envelopes = [Envelope(row, epoch, key_epochs[row.channel]) for row in rows if row.channel in wanted]
    return envelopes, {row.pk: NOBODY_ON_ABLY for row in rows if row.channel not in wanted}


def _channels_on_ably(channels: set[str], rollout: Rollout) -> set[str]:
    if rollout.off:
        return set()
    if rollout.for_all:
        return channels
    people = {channel: audiences.listeners(channel).values_list("pk", flat=True) for channel in channels}
    return {channel for channel, pks in people.items() if rollout.any_assigned(pks)}
