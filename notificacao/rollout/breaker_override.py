"""Force the breaker open or closed on behalf of staff, and release it."""

import structlog
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction

from notificacao import eventlog, wakes
from notificacao.models import BreakerState, Person
from notificacao.rollout import BREAKER

logger = structlog.get_logger(__name__)

PERMISSION = "notificacao.force_breaker"


def force_breaker(forced: BreakerState.Forced, by: Person) -> BreakerState:
    """Force the breaker everywhere within a second, and record who did it; return the breaker's row.

    `forced` is the state to force, or blank, which releases the breaker. Raises PermissionDenied without `PERMISSION`.
    """
    if not by.has_perm(PERMISSION):
        raise PermissionDenied(f"{PERMISSION} is needed.")
    with transaction.atomic():
        row, _ = BreakerState.objects.get_or_create(pk=BREAKER)
        row.forced, row.forced_by, row.forced_at = forced, by, eventlog.now()
        row.save(update_fields=["forced", "forced_by", "forced_at"])
        LogEntry.objects.log_actions(
            by.pk, [row], CHANGE, change_message=f"Disjuntor: {forced.label}", single_object=True
        )
        for topic in (wakes.DISPATCHER, wakes.HUBS):
            wakes.after_commit(topic)
    logger.warning("breaker_forced", forced=str(forced) or "automatic", by=by.public_id)
    return row
