"""Hold the last days against the plan's goals: each figure with its baseline, goal, critical value, samples and source.

The plan's two tables are the source of baselines, goals and critical values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from notificacao import eventlog
from notificacao import plan_goals as plan
from notificacao.figures import keeping, latency
from notificacao.models import Arm, FigureMinute, RolloutMinute
from notificacao.plan_goals import Goal
from notificacao.rollout import survey

MINUTE = timedelta(minutes=1)
AVAILABLE = 0.999  # of the minutes: the plan's goal
WAITED_SECONDS = 5.0  # a row that waited longer for its stamp makes its minute one without service
MISSING_SHARE = 0.05  # without receipt, of at least MISSING_OF: the plan's critical rate of errors
MISSING_OF = 20

UNWATCHED, WAITING, UNDELIVERED = "unwatched", "waiting", "undelivered"
REASONS = {
    UNWATCHED: "ninguém à frente: sem despachante ou sem banco",
    WAITING: "notificações à espera do registro",
    UNDELIVERED: "entregas sem recibo",
}


@dataclass(frozen=True, kw_only=True)
class Line(Goal):
    """Hold one figure: `measured` is None where nothing was there to be measured; `samples` of what `source` names."""

    measured: float | None
    samples: int
    source: str

    @property
    def verdict(self) -> str:
        """Return the goal's verdict on what was measured."""
        return self.verdict_on(self.measured)


@dataclass(frozen=True)
class Incident:
    """Hold minutes without service that follow each other; of hours that were put together the minutes alone are known.

    `until` is the end, exclusive.
    """

    since: datetime
    until: datetime
    reason: str
    minutes: int


@dataclass(frozen=True)
class Shares:
    """Count receipts by transport, or rows by arm: all, and those that took longer than 100 ms and than 500 ms."""

    name: str
    count: int
    over_100_ms: int
    over_500_ms: int


@dataclass(frozen=True)
class Report:
    """Hold the report on `[since, until)`, of which there are figures from `known_since` on (None: there are none)."""

    since: datetime
    until: datetime
    known_since: datetime | None
    lines: list[Line]
    incidents: list[Incident]
    transports: list[Shares]
    arms: list[Shares]
    minutes: int

    @property
    def down(self) -> int:
        """Return how many minutes were without service."""
        return sum(incident.minutes for incident in self.incidents)

    @property
    def budget_minutes(self) -> float:
        """Return how many minutes without service the goal allows in that time, less those that there were."""
        return (1 - AVAILABLE) * (self.until - self.since) / MINUTE - self.down


def report(days: int, now: datetime | None = None) -> Report:
    """Return the report on the last `days` whole days up to the last whole minute."""
    until = (now or eventlog.now()).replace(second=0, microsecond=0)
    since = until - timedelta(days=days)
    rows = list(FigureMinute.objects.filter(at__gte=since, at__lt=until).order_by("at"))
    known_since = max(since, _known_since(since, rows)) if rows else None
    incidents = list(_incidents(rows, until))
    minutes = round((until - known_since) / MINUTE) if known_since else 0
    together = keeping.together_of(rows) if rows else None
    return Report(
        since=since,
        until=until,
        known_since=known_since,
        lines=_lines(rows, together or FigureMinute(), incidents, minutes),
        incidents=incidents,
        transports=_by_transport(together),
        arms=_by_arm(since, until),
        minutes=minutes,
    )


def _known_since(since: datetime, rows: list[FigureMinute]) -> datetime:
    """Return since when there are figures: from `since` on, if some are older."""
    older = FigureMinute.objects.filter(at__lt=since).exists()
    return since if older else rows[0].at


def _incidents(rows: list[FigureMinute], until: datetime) -> Iterator[Incident]:
    """Yield the incidents in order: minutes without service that touch each other, whatever their reasons, are one."""
    run: list[tuple[datetime, datetime, str, int]] = []
    for part in _down(rows, until):
        if run and run[-1][1] != part[0]:
            yield _incident(run)
            run = []
        run.append(part)
    if run:
        yield _incident(run)


def _incident(run: list[tuple[datetime, datetime, str, int]]) -> Incident:
    return Incident(run[0][0], run[-1][1], run[0][2], sum(minutes for *_, minutes in run))


def _down(rows: list[FigureMinute], until: datetime) -> Iterator[tuple[datetime, datetime, str, int]]:
    """Yield `(begin, end, reason, minutes)` of what was without service, gaps between the rows among it."""
    last = rows[0].at if rows else until
    for row in rows:
        if row.at > last:
            yield last, row.at, UNWATCHED, round((row.at - last) / MINUTE)
        last = row.at + row.span * MINUTE
        if row.looked < row.span:
            yield row.at, last, UNWATCHED, row.span - row.looked
        elif row.span == 1 and (reason := _reason(row)):
            yield row.at, last, reason, 1
    if last < until - MINUTE:  # the last whole minute is written soon after it ends
        yield last, until, UNWATCHED, round((until - last) / MINUTE)


def _reason(row: FigureMinute) -> str:
    """Return why a minute that was watched counts as one without service, or nothing."""
    if (row.unstamped_seconds or 0) > WAITED_SECONDS:
        return WAITING
    if row.expected >= MISSING_OF and row.missing > MISSING_SHARE * row.expected:
        return UNDELIVERED
    return ""


def _lines(rows: list[FigureMinute], total: FigureMinute, incidents: list[Incident], minutes: int) -> list[Line]:
    down = sum(incident.minutes for incident in incidents)
    receipts = latency.total(total.latency.values())
    count = sum(receipts)
    probes = total.probes_heard + total.probes_missed
    tried = total.published + total.failed
    peak = max((row.stamped_peak for row in rows), default=None)
    connected = max(((row.on_ably or 0) + (row.on_sse or 0) for row in rows if row.looked), default=None)
    p95 = latency.percentile(receipts, 0.95)
    happy, answers = _satisfaction()
    uptime = None if not minutes else 100 * (minutes - down) / minutes
    return [
        _line(plan.LATENCY_P95, p95, count, "recibos dos navegadores"),
        _line(plan.REDUCTION, _reduction(p95), count, "P95 contra os 200 ms de antes"),
        _line(plan.ERRORS, _percent(total.missing, total.expected), total.expected, _PERSONAL),
        _line(plan.ABLY_FAILURES, _percent(total.failed, tried), tried, "publicações no Ably"),
        _line(plan.AVAILABILITY, uptime, minutes, "minutos com serviço"),
        _line(plan.ABLY_AVAILABILITY, _percent(total.probes_heard, probes), probes, _PROBES),
        _line(plan.THROUGHPUT, _per_second(peak), len(rows), "o minuto mais cheio"),
        _line(plan.CONNECTIONS, connected, len(rows), "pessoas com página aberta"),
        _line(plan.INCIDENTS, _per_month(incidents, minutes), minutes, "minutos sem serviço"),
        _line(plan.SATISFACTION, happy, answers, "a pergunta da caixa de entrada"),
    ]


def _line(goal: Goal, measured: float | None, samples: int, source: str) -> Line:
    return Line(**vars(goal), measured=measured, samples=samples, source=source)


_PERSONAL = "canais pessoais de quem tinha página aberta"
_OPEN = "pessoas com página aberta"
_PROBES = "sondas que o despachante envia a si pelo Ably"


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _reduction(p95: float | None) -> float | None:
    return None if p95 is None else plan.reduction(p95)


def _per_second(a_minute: int | None) -> float | None:
    return None if a_minute is None else a_minute / 60


def _per_month(incidents: list[Incident], minutes: int) -> float | None:
    return len(incidents) * 30 * 1_440 / minutes if minutes else None


def _satisfaction() -> tuple[float | None, int]:
    """Return the answers of both arms together, from 0 to 10, and how many they are; None where too few answered."""
    arms = survey.by_arm()["arms"].values()
    said = [(arm["out_of_ten"], arm["answers"]) for arm in arms if arm["out_of_ten"] is not None]
    answers = sum(count for _, count in said)
    return (sum(mark * count for mark, count in said) / answers if answers else None), answers


def _by_transport(together: FigureMinute | None) -> list[Shares]:
    found = (together.latency if together else {}).items()
    return [_shares(name, buckets) for name, buckets in sorted(found)]


def _shares(name: str, buckets: Iterable[int]) -> Shares:
    buckets = list(buckets)
    return Shares(name, sum(buckets), latency.beyond(buckets, 100), latency.beyond(buckets, 500))


def _by_arm(since: datetime, until: datetime) -> list[Shares]:
    """Return what the rollout's guard counted in that time, by assigned arm."""
    rows = RolloutMinute.objects.filter(at__gte=since, at__lt=until, arm__in=(Arm.ABLY, Arm.CONTROL))
    sums: dict[str, list[int]] = {}
    for arm, *counts in rows.values_list("arm", "shown", "over_100_ms", "over_500_ms"):
        sums[arm] = [a + b for a, b in zip(sums.get(arm, [0, 0, 0]), counts, strict=True)]
    return [Shares(Arm(arm).label, *counts) for arm, counts in sorted(sums.items())]
