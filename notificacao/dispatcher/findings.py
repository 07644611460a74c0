"""Find what is wrong with the system at this moment, as far as the leading dispatcher can see it.

Each rule asks the database a question or two that an index answers, and yields a finding for each alert that holds.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.utils import timezone

from notificacao import eventlog
from notificacao.conf import conf
from notificacao.cost import Month
from notificacao.models import BreakerState, CanaryProbe, Notification, RolloutPlan
from notificacao.producing import api_keys
from notificacao.rollout import BREAKER
from notificacao.rollout.guard import LOOK_EVERY

KEY_WARNING = timedelta(days=14)
STAMPED_WITHIN = timedelta(seconds=5)
REDIS_WITHIN = 15.0  # seconds, in which three wakes of this process should have come back
BREAKER_AFTER = 3.0  # seconds: a new leader's breaker begins open, until Ably has answered it
GUARD_WITHIN = timedelta(seconds=5 * LOOK_EVERY)


class Finding(NamedTuple):
    """Say that the alert `name` holds for what `about` names; `detail` is a sentence for staff.

    `after` is for how many seconds it has to be found before anybody is told.
    """

    name: str
    about: str = ""
    detail: str = ""
    after: float = 0.0


def breaker() -> Iterator[Finding]:
    """Find the breaker open, or half-open, by itself or by an order of staff."""
    row = BreakerState.objects.filter(pk=BREAKER).first()
    if not conf.ably_configured or row is None or row.in_force == BreakerState.State.CLOSED:
        return
    why = "comando dado na administração" if row.forced else row.reason
    yield Finding("BreakerOpen", detail=f"Motivo: {why}." if why else "", after=BREAKER_AFTER)


def canary() -> Iterator[Finding]:
    """Find that the last `CANARY_MISSES` probes were missed, or that there are none though there should be."""
    row = BreakerState.objects.filter(pk=BREAKER).first()
    forced_open = row is not None and row.forced == BreakerState.Forced.OPEN
    if not conf.ably_configured or not conf.CANARY_MISSES or forced_open:
        return
    latest = list(CanaryProbe.objects.order_by("-pk")[: conf.CANARY_MISSES])
    stale = 3 * conf.CANARY_EVERY + conf.ABLY_PUBLISH_TIMEOUT
    if len(latest) == conf.CANARY_MISSES and all(probe.round_trip_ms is None for probe in latest):
        yield Finding("CanarySilent", detail=f"Última sonda: {latest[0].error}."[:300])
    elif not latest or eventlog.now() - latest[0].at > timedelta(seconds=stale):
        yield Finding("CanarySilent", detail="Nenhuma sonda foi enviada.", after=stale)


def guard() -> Iterator[Finding]:
    """Find that the rollout's guard has not looked at a plan for `GUARD_WITHIN`."""
    plan = RolloutPlan.objects.last()
    if plan is None or not plan.is_watched:
        return
    known = [moment for moment in (plan.looked_at, plan.since) if moment]
    if known and eventlog.now() - max(known) > GUARD_WITHIN:
        yield Finding("GuardSilent", detail=f"Última verificação: {_moment(max(known))}.", after=2 * LOOK_EVERY)


def unstamped() -> Iterator[Finding]:
    """Find that notifications wait for their stamp.

    Once is not enough: a producer's transaction may have lasted for long, and its rows are stamped after its commit.
    """
    first = Notification.objects.filter(seq=None).order_by("pk").only("created_at").first()
    if first is not None and eventlog.now() - first.created_at > STAMPED_WITHIN:
        detail = f"A mais antiga espera desde {_moment(first.created_at)}."
        yield Finding("UnstampedRowsWait", detail=detail, after=STAMPED_WITHIN.total_seconds())


def redis(age: float | None) -> Iterator[Finding]:
    """Find that wakes do not come back over Redis; `age` is the seconds since one did, None where none ever did."""
    if conf.wakes_cross_processes and (age is None or age > REDIS_WITHIN):
        yield Finding("RedisAway", after=REDIS_WITHIN if age is None else 0.0)


def keys() -> Iterator[Finding]:
    """Find producers whose last key ends soon, or has ended, and secrets of ours whose day comes."""
    now = eventlog.now()
    for producer in api_keys.ending(KEY_WARNING).order_by("pk"):
        word = "vale até" if producer.ends > now else "venceu em"
        detail = f"A chave do sistema “{producer.name}” {word} {_moment(producer.ends)}."
        yield Finding("KeyEndsSoon", about=producer.slug, detail=detail)
    for setting in ("ENCRYPTION_SECRET_ENDS", "SIGNING_KEYS_END"):
        day = getattr(conf, setting)
        if day and datetime.combine(day, time(), timezone.get_current_timezone()) < now + KEY_WARNING:
            secret = setting.rpartition("_")[0]
            detail = f"{secret} deve ser trocada até {day:%d/%m/%Y}; depois, ponha um novo dia em {setting}."
            yield Finding("KeyEndsSoon", about=secret, detail=detail)


def budget(month: Month | None) -> Iterator[Finding]:
    """Find that the forecast of the month passes the budget."""
    if month is not None and month.budget and month.forecast.expected > month.budget:
        figures = f"previsão US$ {_dollars(month.forecast.expected)}, orçamento US$ {_dollars(month.budget)}"
        yield Finding("BudgetAhead", detail=f"Gasto até agora US$ {_dollars(month.spent)}, {figures}.")


def _moment(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%d/%m/%Y às %H:%M}"


def _dollars(amount: Decimal) -> str:
    return f"{amount:.2f}".replace(".", ",")
