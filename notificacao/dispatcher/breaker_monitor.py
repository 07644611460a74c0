"""Keep the breaker and its database row alike, and probe Ably while the breaker is not closed."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from notificacao import eventlog, metrics, wakes
from notificacao.conf import conf
from notificacao.database import DatabaseThread
from notificacao.dispatcher import lease
from notificacao.dispatcher.breaker import CLOSED, OPEN, Breaker, Reason
from notificacao.models import BreakerState
from notificacao.rollout import BREAKER, Rollout
from notificacao.transports import Transport, TransportError

logger = structlog.get_logger(__name__)

_FIRST_ANSWER_WITHIN = 1.0  # seconds; later the stream in standby has brought the row anyway


def breaker_from_settings() -> Breaker:
    """Return a breaker with the `BREAKER_*` settings, open, whose first caller is the probe."""
    return Breaker(
        clock=time.monotonic,
        window=conf.BREAKER_WINDOW,
        minimum=conf.BREAKER_MINIMUM,
        threshold=conf.BREAKER_THRESHOLD,
        slow_threshold=conf.BREAKER_SLOW_THRESHOLD,
        cooldown=conf.BREAKER_COOLDOWN,
    )


class BreakerMonitor:
    """Watch the breaker, in the leading dispatcher alone.

    The probe is a task of its own, so that staff are obeyed while Ably is silent. `silent` answers whether the canary
    hears nothing; as long as it does not, no answer of Ably's closes the breaker.
    """

    def __init__(
        self,
        transport: Transport,
        breaker: Breaker,
        thread: DatabaseThread,
        silent: Callable[[], bool] = lambda: False,
    ):
        self._transport = transport
        self._breaker = breaker
        self._thread = thread
        self._silent = silent
        self._probing: asyncio.Task | None = None
        self._asked = asyncio.Event()
        self._told = ""  # the state, open or closed, that was logged last

    async def knows_ably(self) -> None:
        """Wait for the answer to the first probe, a second at most: a new leader has not asked Ably yet."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_ANSWER_WITHIN):
                await self._asked.wait()

    async def look(self, term: int, rollout: Rollout) -> None:
        """Do one round: obey staff, probe Ably where that is due, store the breaker's state. Raises LeadLost."""
        self._obey(rollout.forced)
        if self._breaker.state != CLOSED and not self._silent() and self._breaker.admit():
            self.stop()
            self._probing = asyncio.create_task(self._probe(), name="probe")
            await asyncio.wait([self._probing], timeout=0.1)  # seconds: a quick answer need not be shown as half-open
        state, reason = self._breaker.state, self._breaker.reason
        before = await self._thread.run(_store, term, state, reason)
        self._tell(before, state, reason, forced=bool(rollout.forced))

    def _tell(self, before: str, state: str, reason: Reason, *, forced: bool) -> None:
        """Log that the breaker opened or closed, once each; `before` is the row's state until now.

        That it is half open for a moment, and opens again, belongs to the same outage.
        """
        if state not in (CLOSED, OPEN):
            return
        told, self._told = self._told or before, state
        if state == OPEN and told == CLOSED:
            logger.warning("breaker_opened", reason=reason.log, forced=forced)
        elif state == CLOSED and told != CLOSED:
            logger.info("breaker_closed", forced=forced)

    def stop(self) -> None:
        """Cancel the probe that is under way."""
        if self._probing is not None:
            self._probing.cancel()

    def _obey(self, forced: str) -> None:
        """Force the breaker to the state that staff chose: `closed`, `open`, or blank, which releases it."""
        if forced:
            self._asked.set()
        if forced and not (self._breaker.forced and self._breaker.state == forced):
            self._breaker.force(forced)
        elif not forced and self._breaker.forced:
            self._breaker.release()

    async def _probe(self) -> None:
        await self._ask()
        self._asked.set()

    async def _ask(self) -> None:
        """Probe Ably once and tell the breaker the outcome; `ABLY_SLOW_AFTER` seconds or more is a slow one."""
        began = time.monotonic()
        try:
            await self._transport.probe()
        except TransportError as error:
            self._breaker.failure(Reason(error.told, str(error)))
            return
        except Exception as error:
            logger.exception("probe_fault", error=str(error))
            kind = type(error).__name__
            self._breaker.failure(Reason(f"a sondagem do Ably falhou ({kind})", f"{kind}: {error}"))
            return
        took = time.monotonic() - began
        if took < conf.ABLY_SLOW_AFTER:
            self._breaker.success()
        else:
            self._breaker.slow(Reason(f"uma sondagem do Ably levou {took:.1f} s", f"a probe took {took:.1f} s"))


def _store(term: int, state: str, reason: Reason) -> str:
    """Write the breaker's state and its reason for staff to its row, where they differ; return the state before.

    Raises LeadLost.
    """
    told = reason.staff[:300]
    row, _ = BreakerState.objects.get_or_create(pk=BREAKER)
    before = row.state
    changed = before != state
    if not changed and row.reason == told:
        return before
    with lease.kept(term):
        row.state, row.reason = state, told
        row.changed_at = eventlog.now() if changed else row.changed_at
        row.save(update_fields=["state", "reason", "changed_at"])
    metrics.BREAKER.state(row.in_force)
    if changed:
        wakes.wake(wakes.HUBS)
    return before
