"""Read how the system stands at this moment, out of the tables alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from notificacao import eventlog, presence, rollout
from notificacao.figures import counting, keeping, latency
from notificacao.models import BreakerState, CanaryProbe, DispatcherLease, FigureMinute, RolloutPlan

P95_OVER = timedelta(minutes=15)
ERRORS_OVER = timedelta(hours=1)
TOO_OLD = timedelta(minutes=3)  # figures of a minute before that are not of now
WAITS_TOO_LONG = 5.0  # seconds


@dataclass(frozen=True)
class Situation:
    """Hold what was read: `a_minute` is null where nothing was counted lately, `p95` without receipts, `last_hour` too.

    `leads` tells whether a dispatcher holds the lease; `probe` is the last one, of whatever outcome.
    """

    at: datetime
    people: presence.Count
    a_minute: int | None
    p95: float | None
    last_hour: FigureMinute | None
    unstamped_seconds: float
    unsettled_seconds: float
    leads: bool
    rollout: rollout.Rollout
    breaker: BreakerState
    probe: CanaryProbe | None
    plan: RolloutPlan | None

    @property
    def connected(self) -> int:
        return self.people.on_sse + self.people.on_ably

    @property
    def waits(self) -> float:
        """Return the seconds for which the oldest row waits, for its stamp or its outcome."""
        return max(self.unstamped_seconds, self.unsettled_seconds)

    @property
    def is_on_sse_for_now(self) -> bool:
        """Return whether the flag has people on Ably, and Ably is out of use."""
        return not self.rollout.off and not self.rollout.ably_up


def situation() -> Situation:
    """Return how the system stands now."""
    now = eventlog.now()
    rows = list(FigureMinute.objects.filter(at__gte=now - ERRORS_OVER - TOO_OLD).order_by("at"))
    latest = rows[-1] if rows and rows[-1].at > now - TOO_OLD else None
    lately = [row for row in rows if row.at >= now - P95_OVER]
    receipts = latency.total(buckets for row in lately for buckets in row.latency.values())
    waiting = counting.waiting(now)
    return Situation(
        at=now,
        people=presence.people_connected(),
        a_minute=latest.stamped if latest else None,
        p95=latency.percentile(receipts, 0.95),
        last_hour=keeping.together_of(rows) if rows else None,
        unstamped_seconds=waiting["unstamped_seconds"],
        unsettled_seconds=waiting["unsettled_seconds"],
        leads=DispatcherLease.is_held(),
        rollout=rollout.current(),
        breaker=BreakerState.objects.filter(pk=rollout.BREAKER).first() or BreakerState(pk=rollout.BREAKER),
        probe=CanaryProbe.objects.last(),
        plan=RolloutPlan.objects.last(),
    )
