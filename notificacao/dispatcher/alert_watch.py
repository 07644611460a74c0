"""Watch the system in the leading dispatcher: say every few seconds which alerts hold, and close what is over."""

import asyncio
import time
from collections.abc import Callable

import structlog
from django.db import DatabaseError, InterfaceError

from notificacao import alerts, metrics, wakes
from notificacao.cost import Month
from notificacao.database import DatabaseThread
from notificacao.dispatcher import findings
from notificacao.dispatcher.findings import Finding

logger = structlog.get_logger(__name__)

EVERY = 2.0  # seconds between two rounds
SLOW_EVERY = 60.0  # seconds between two looks at what changes by the day

Rule = Callable[[], list[Finding]]


class AlertWatch:
    """Look for what is wrong, on a database thread, while this dispatcher leads.

    `leads` answers whether it does, `month` what Ably costs. Nothing of what it remembers is needed by the next leader:
    it is for how long a finding has stood already that nobody was told of yet.
    """

    def __init__(
        self,
        thread: DatabaseThread,
        leads: Callable[[], bool],
        month: Callable[[], Month | None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._thread = thread
        self._leads = leads
        self._clock = clock
        self._quick: dict[str, Rule] = {
            "BreakerOpen": lambda: list(findings.breaker()),
            "CanarySilent": lambda: list(findings.canary()),
            "GuardSilent": lambda: list(findings.guard()),
            "UnstampedRowsWait": lambda: list(findings.unstamped()),
            "RedisAway": lambda: list(findings.redis(wakes.age())),
        }
        self._slow: dict[str, Rule] = {
            "KeyEndsSoon": lambda: list(findings.keys()),
            "BudgetAhead": lambda: list(findings.budget(month())),
        }
        self._looked_slowly_at: float | None = None
        self._slowly: dict[str, list[Finding] | None] = {}
        self._since: dict[tuple[str, str], float] = {}  # when each finding that stands was first found

    async def watch(self) -> None:
        """Pause for `EVERY` seconds, then do one round."""
        await asyncio.sleep(EVERY)
        await self.look()

    async def look(self) -> None:
        """Do one round now; none while another dispatcher leads."""
        if self._leads():
            await self._thread.run(self._look)
            return
        if self._looked_slowly_at is not None:
            self._looked_slowly_at = None
            self._since.clear()

    def _look(self) -> None:
        """Say what holds, then close what nobody says any more, in this order: before the lead nobody looked."""
        now = self._clock()
        found = {name: _ask(name, rule) for name, rule in self._quick.items()}
        if self._looked_slowly_at is None or now - self._looked_slowly_at >= SLOW_EVERY:
            self._slowly = {name: _ask(name, rule) for name, rule in self._slow.items()}
            self._looked_slowly_at = now
        for name, holding in (found | self._slowly).items():
            if holding is None:
                alerts.hold(name)
        standing = [one for holding in (found | self._slowly).values() for one in holding or ()]
        self._since = {key: self._since.get(key, now) for key in ((one.name, one.about) for one in standing)}
        for finding in standing:
            self._say(finding, now)
        for name, count in alerts.names_of(alerts.close_what_is_over()).items():
            metrics.OPEN_ALERTS.labels(name).set(count)

    def _say(self, finding: Finding, now: float) -> None:
        """Open the alert of `finding` where that has stood for long enough; what is open already stays open."""
        if now - self._since[finding.name, finding.about] >= finding.after:
            alerts.open(finding.name, finding.about, finding.detail)
        else:
            alerts.hold(finding.name, finding.about)


def _ask(name: str, rule: Rule) -> list[Finding] | None:
    """Return what `rule` finds; None where it cannot tell. Raises DatabaseError, InterfaceError."""
    try:
        return rule()
    except (DatabaseError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("alert_rule_fault", alert=name, error=str(error))
        return None
