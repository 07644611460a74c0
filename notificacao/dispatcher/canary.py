"""Probe whether Ably delivers: the leading dispatcher publishes a probe and waits for it as a browser would.

The breaker sees whether Ably takes what it is given; the canary alone sees whether Ably delivers it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from notificacao import keys, metrics
from notificacao.audiences import PROBE_CHANNEL
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.dispatcher import lease
from notificacao.dispatcher.breaker import CLOSED, Breaker, Reason
from notificacao.models import CanaryProbe
from notificacao.transports import CredentialsRejected, Listening, Transport, TransportError

logger = structlog.get_logger(__name__)

_ASK_AGAIN = 0.25  # seconds between two questions for a term, while there is none to probe in
_KEY_EPOCH = 1


class Canary:
    """Publish probes and listen for them on a connection of its own, and on a new one after each probe that was missed.

    `term` answers the leader's term to probe in; None means: do not probe now.
    """

    def __init__(
        self,
        transport: Transport,
        breaker: Breaker,
        thread: DatabaseThread,
        term: Callable[[], Awaitable[int | None]],
    ):
        self._transport = transport
        self._breaker = breaker
        self._thread = thread
        self._term = term
        self._missed = 0
        self._cannot_sing = False  # and it was told

    @property
    def silent(self) -> bool:
        """Return whether `CANARY_MISSES` probes in a row were missed: Ably is then not to be used, whatever it answers.

        With a setting of 0 it is never silent.
        """
        return 0 < conf.CANARY_MISSES <= self._missed

    async def probe_loop(self) -> None:
        """Probe every `CANARY_EVERY` seconds until a probe is missed or there is no term to probe in.

        Raises LeadLost.
        """
        term = await self._term()
        if term is None:
            await asyncio.sleep(_ASK_AGAIN)
            return
        began = time.monotonic()
        try:
            key = keys.channel_key(PROBE_CHANNEL, _KEY_EPOCH)
            async with self._transport.subscribe(PROBE_CHANNEL, key=key) as listening:
                while term is not None:
                    began = time.monotonic()
                    await self._heard(term, await self._round_trip(listening, key))
                    await _until(began + conf.CANARY_EVERY)
                    term = await self._term()
        except TransportError as error:
            if term is not None:
                await self._failed(term, error)
            await _until(began + conf.CANARY_EVERY)

    async def _round_trip(self, listening: Listening, key: bytes) -> float:
        """Return the seconds from the publishing of one probe to its arrival, unchanged. Raises TransportError."""
        began = time.monotonic()
        probe = {"sent_at": time.time()}
        message_id = await self._transport.announce(PROBE_CHANNEL, probe, key=key)
        try:
            async with asyncio.timeout(conf.ABLY_PUBLISH_TIMEOUT):
                while (arrived := await listening.next())[0] != message_id:
                    pass
        except TimeoutError as error:
            seconds = f"{conf.ABLY_PUBLISH_TIMEOUT:g} s"
            raise TransportError(
                f"a probe was published and did not arrive within {seconds}",
                f"uma sonda foi publicada e não chegou em {seconds}",
                permanent=False,
            ) from error
        if arrived[1] != probe:
            raise TransportError(
                "a probe arrived as something else than was sent",
                "uma sonda chegou diferente do que foi enviado",
                permanent=False,
            )
        return time.monotonic() - began

    async def _heard(self, term: int, seconds: float) -> None:
        """Record a probe that arrived after `seconds`. Raises LeadLost."""
        await self._thread.run(_record, term, 1_000 * seconds, "")
        metrics.CANARY.labels("heard").inc()
        metrics.CANARY_SECONDS.observe(seconds)
        metrics.CANARY_HEARD.set_to_current_time()
        if self._missed or self._cannot_sing:
            logger.info("canary_sings_again", missed=self._missed)
        self._missed, self._cannot_sing = 0, False

    async def _failed(self, term: int, error: TransportError) -> None:
        """Record a missed probe, and open the breaker where too many were missed in a row. Raises LeadLost."""
        if error.permanent and not isinstance(error, CredentialsRejected):
            if not self._cannot_sing:  # a key that may not do this tells nothing of Ably
                logger.error("canary_cannot_sing", error=str(error))
            self._cannot_sing = True
            return
        await self._thread.run(_record, term, None, error.told)
        metrics.CANARY.labels("missed").inc()
        self._missed += 1
        if self._missed == 1:
            logger.warning("canary_missed", error=str(error))
        if self.silent and self._breaker.state == CLOSED:
            self._breaker.trip(
                Reason(
                    f"sondas seguidas sem volta: {self._missed} ({error.told})",
                    f"{self._missed} probes in a row were missed: {error}",
                )
            )


async def _until(moment: float) -> None:
    """Sleep until the monotonic second `moment`."""
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


def _record(term: int, round_trip_ms: float | None, error: str) -> None:
    """Write the outcome of one probe; `round_trip_ms` is None where it was missed.

    Raises LeadLost where `term` is over: the new leader has a canary of its own.
    """
    with lease.kept(term):
        CanaryProbe.objects.create(round_trip_ms=round_trip_ms, error=error[:300])
