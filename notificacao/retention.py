"""Delete the notifications older than `RETENTION_DAYS` from the beginning of the log, and their receipts with them."""

from datetime import datetime, timedelta
from itertools import takewhile

import structlog
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import Q
from django.db.models.functions import Now

from notificacao import audit_chain, changes, cost, eventlog, history, idempotency, presence
from notificacao.conf import conf
from notificacao.database import wakeful
from notificacao.figures import keeping
from notificacao.models import Alert, CanaryProbe, DispatchState, LogHead, Notification, RolloutMinute
from notificacao.rollout import survey

logger = structlog.get_logger(__name__)

BATCH = 500  # rows a transaction
CANARY_KEPT = timedelta(days=35)  # the rollout's longest plan
ALERTS_KEPT = timedelta(days=400)  # after they closed: the same month a year ago can be looked at


def trim(days: int | None = None) -> int:
    """Delete at most `BATCH` notifications stamped more than `days` ago; return how many.

    `days` is `RETENTION_DAYS` where not given; 0 deletes none. The deleted rows are always a prefix of the log, which
    ends before the first row that is younger, or that is still to be dispatched. `trimmed_to` commits with the delete;
    its write comes last, so that the head is locked for no longer than that.
    """
    limit = _limit(days)
    if limit is None:
        return 0
    with wakeful():
        beginning = _after_the_trim().select_for_update().only("pk", "seq", "stamped_at", "dispatch_state")[:BATCH]
        rows = list(takewhile(lambda row: _may_go(row, limit), beginning))
        if not rows:
            return 0
        Notification.objects.filter(pk__in=[row.pk for row in rows]).delete()
        LogHead.objects.filter(pk=1).update(trimmed_to=rows[-1].seq)
    logger.info("log_trimmed", rows=len(rows), trimmed_to=rows[-1].seq)
    return len(rows)


def due(days: int | None = None) -> int:
    """Return how many notifications `trim` would delete in all, called until it returns 0."""
    limit = _limit(days)
    if limit is None:
        return 0
    may_go = Q(stamped_at__lt=limit) & ~Q(dispatch_state=DispatchState.PENDING)
    first_kept = _after_the_trim().exclude(may_go).first()
    return (_after_the_trim().filter(seq__lt=first_kept.seq) if first_kept else _after_the_trim()).count()


def clear_the_rest() -> None:
    """Delete what else has become old beside the log.

    That is expired logins, the canary's probes and the rollout's minutes after `CANARY_KEPT`, alerts that closed
    `ALERTS_KEPT` ago, opinions that are no longer shown, figures as `figures.keeping` has it, what `history` keeps, the
    reports of dead web processes, answers kept for long enough, the cost's meters after 13 months, and the audit trail
    beyond `AUDIT_RETENTION_DAYS` (0: all is kept).
    """
    SessionStore.clear_expired()
    for model in (CanaryProbe, RolloutMinute):
        model.objects.filter(at__lt=Now() - CANARY_KEPT).delete()
    Alert.objects.filter(closed_at__lt=Now() - ALERTS_KEPT).delete()
    survey.forget_the_old()
    keeping.forget_the_old()
    history.forget_the_old()
    presence.delete_silent_processes()
    idempotency.forget_old_answers()
    changes.forget_the_old()
    cost.forget_the_old()
    if conf.AUDIT_RETENTION_DAYS:
        limit = eventlog.now() - timedelta(days=conf.AUDIT_RETENTION_DAYS)
        while audit_chain.trim(limit):
            pass


def _limit(days: int | None) -> datetime | None:
    """Return the moment before which rows may go; None where none may.

    It is by the database's clock, since one machine whose own clock is a year ahead must not empty the log.
    """
    days = conf.RETENTION_DAYS if days is None else days
    return eventlog.now() - timedelta(days=days) if days else None


def _after_the_trim():
    return Notification.objects.filter(seq__gt=eventlog.head().trimmed_to).order_by("seq")


def _may_go(row: Notification, limit: datetime) -> bool:
    assert row.stamped_at is not None
    return row.stamped_at < limit and row.dispatch_state != DispatchState.PENDING
