"""Retention: what is older than `RETENTION_DAYS` leaves the log, from its beginning on, and its receipts with it."""

from datetime import datetime, timedelta
from itertools import takewhile

import structlog
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from notificacao import eventlog, idempotency, presence
from notificacao.conf import conf
from notificacao.models import AuditEvent, CanaryProbe, DispatchState, LogHead, Notification, RolloutMinute
from notificacao.rollout import survey

logger = structlog.get_logger(__name__)

BATCH = 500  # rows a transaction
CANARY_KEPT = timedelta(days=35)  # the rollout's longest plan


def trim(days: int | None = None) -> int:
    """Delete at most `BATCH` notifications stamped more than `days` (else `RETENTION_DAYS`; 0: none) ago; how many.

    Always a prefix of the log: it ends before the first row that is younger, or that is still to be dispatched.
    `trimmed_to` commits with the delete; its write comes last, so that the head is locked for no longer than that.
    """
    limit = _limit(days)
    if limit is None:
        return 0
    with transaction.atomic():
        beginning = _after_the_trim().select_for_update().only("pk", "seq", "stamped_at", "dispatch_state")[:BATCH]
        rows = list(takewhile(lambda row: _may_go(row, limit), beginning))
        if not rows:
            return 0
        Notification.objects.filter(pk__in=[row.pk for row in rows]).delete()
        LogHead.objects.filter(pk=1).update(trimmed_to=rows[-1].seq)
    logger.info("log_trimmed", rows=len(rows), trimmed_to=rows[-1].seq)
    return len(rows)


def due(days: int | None = None) -> int:
    """How many `trim` would delete, called until it answers 0."""
    limit = _limit(days)
    if limit is None:
        return 0
    may_go = Q(stamped_at__lt=limit) & ~Q(dispatch_state=DispatchState.PENDING)
    first_kept = _after_the_trim().exclude(may_go).first()
    return (_after_the_trim().filter(seq__lt=first_kept.seq) if first_kept else _after_the_trim()).count()


def clear_the_rest() -> None:
    """Delete expired logins, old probes and minutes of the rollout, opinions that are no longer shown, what dead web
    processes told, answers kept long enough, and what of the audit trail is older than `AUDIT_RETENTION_DAYS` (0:
    nothing).
    """
    SessionStore.clear_expired()
    for model in (CanaryProbe, RolloutMinute):
        model.objects.filter(at__lt=Now() - CANARY_KEPT).delete()
    survey.forget_the_old()
    presence.delete_silent_processes()
    idempotency.forget_old_answers()
    if conf.AUDIT_RETENTION_DAYS:
        limit = eventlog.now() - timedelta(days=conf.AUDIT_RETENTION_DAYS)
        QuerySet(AuditEvent).filter(at__lt=limit).delete()  # its own manager lets nobody delete


def _limit(days: int | None) -> datetime | None:
    """By the database's clock: one machine whose own is a year ahead must not empty the log."""
    days = conf.RETENTION_DAYS if days is None else days
    return eventlog.now() - timedelta(days=days) if days else None


def _after_the_trim():
    return Notification.objects.filter(seq__gt=eventlog.head().trimmed_to).order_by("seq")


def _may_go(row: Notification, limit: datetime) -> bool:
    assert row.stamped_at is not None
    return row.stamped_at < limit and row.dispatch_state != DispatchState.PENDING
