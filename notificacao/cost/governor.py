"""Keep the month within its budget: low priority goes by SSE first, then normal; high and urgent never.

Who is on SSE gets every row, and who is on Ably holds a stream in standby: what is moved arrives all the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction

from notificacao import audit, eventlog, wakes
from notificacao.cost.month import Month, month
from notificacao.models import AuditEvent, CostGovernor, Person

logger = structlog.get_logger(__name__)

PERMISSION = "notificacao.govern_cost"
MOVED = "por SSE, para caber no orçamento do mês"  # the reason with which such a row is settled
WHO = "governor"
Mode = CostGovernor.Mode
Level = CostGovernor.Level
_RELEASE = Decimal("0.95")  # of the budget, that a lower level must be within
_HOLD = timedelta(hours=6)  # between an act and the next one that releases
_ENOUGH = 3  # whole days without which a forecast moves nothing


def by_sse() -> frozenset[str]:
    """Return the priorities that are kept off Ably now: one row, read by its key."""
    return (CostGovernor.objects.filter(pk=1).first() or CostGovernor()).by_sse


@dataclass(frozen=True)
class Advice:
    """Hold the governor's row as it was read, the month at each level, and the level that is due."""

    row: CostGovernor
    months: dict[Level, Month]
    level: Level
    now: datetime

    @property
    def month(self) -> Month:
        """Return the month as it goes on by this advice."""
        return self.months[self.level if self.row.mode == Mode.ON else Level.NONE]


def advise(now: datetime | None = None) -> Advice:
    """Weigh the month's forecast at each level. It only reads."""
    now = now or eventlog.now()
    row = CostGovernor.objects.filter(pk=1).first() or CostGovernor(pk=1)
    months = {level: month(now, row.MOVES[level]) for level in Level}
    level = Level.NONE if row.mode == Mode.OFF else _level(Level(row.level), months, now - row.changed_at)
    return Advice(row, months, level, now)


def govern(advice: Advice) -> None:
    """Set the level that is due, in the caller's transaction, unless the row changed since it was weighed."""
    row = CostGovernor.objects.select_for_update().filter(pk=1, level=advice.row.level, mode=advice.row.mode).first()
    if row is not None and row.level != advice.level:
        _act(row, advice)


def _level(level: Level, months: dict[Level, Month], held: timedelta) -> Level:
    """Return the level that is due: the lowest that keeps the budget, or the highest there is.

    It rises at once, and sinks only after `_HOLD`, to one that keeps the budget by a margin: it does not swing.
    """
    here = months[level]
    if here.ahead and (here.observed >= _ENOUGH or here.spent > here.budget):
        return next((up for up in Level if up > level and not months[up].ahead), max(Level))
    if held >= _HOLD:
        lower = (down for down in Level if down < level)
        return next((d for d in lower if months[d].forecast.expected <= _RELEASE * months[d].budget), level)
    return level


def _act(row: CostGovernor, advice: Advice) -> None:
    """Set the level, and put it on record with the figures that led to it."""
    before, after = Level(row.level), advice.level
    figures = {
        "forecast": str(advice.months[before].forecast.expected),
        "forecast_after": str(advice.months[after].forecast.expected),
        "budget": str(advice.month.budget),
    }
    row.level, row.changed_at, row.reason = after, advice.now, _reason(row.mode, figures)
    row.save(update_fields=["level", "changed_at", "reason"])
    levels = {"from_level": int(before), "to_level": int(after)}
    reason = str(after.label)
    audit.record(AuditEvent.Action.COST_GOVERNED, who=WHO, reason=reason, ip=None, mode=row.mode, **levels, **figures)
    wakes.after_commit(wakes.DISPATCHER)
    logger.warning("cost_governed", mode=row.mode, from_level=int(before), to_level=int(after))


def _reason(mode: str, figures: dict[str, str]) -> str:
    """Return the sentence for staff that says why the level changed."""
    if mode == Mode.OFF:
        return "O controle do custo está desligado."
    told = "Previsão de US$ {forecast} para um orçamento de US$ {budget}; com este nível, US$ {forecast_after}"
    return told.format(**figures).replace(".", ",") + "."


@transaction.atomic
def set_mode(mode: CostGovernor.Mode, by: Person, *, reason: str, ip: str | None = None) -> CostGovernor:
    """Switch the governor on, off or to a dry run, within a second everywhere, and record who did it and why.

    Raises PermissionDenied without `PERMISSION`.
    """
    if not by.has_perm(PERMISSION):
        raise PermissionDenied(f"{PERMISSION} is needed.")
    CostGovernor.objects.get_or_create(pk=1)
    row = CostGovernor.objects.select_for_update().get(pk=1)
    before, row.mode, row.mode_by, row.mode_at = Mode(row.mode), mode, by, eventlog.now()
    row.save(update_fields=["mode", "mode_by", "mode_at"])
    audit.record(
        AuditEvent.Action.COST_GOVERNED, who=by.public_id, ip=ip, reason=reason[:100], before=before, mode=mode
    )
    message = f"Controle do custo: {before.label} → {mode.label}. {reason}"
    LogEntry.objects.log_actions(by.pk, [row], CHANGE, change_message=message, single_object=True)
    wakes.after_commit(wakes.DISPATCHER)
    logger.warning("cost_mode_set", mode=str(mode), by=by.public_id)
    return row
