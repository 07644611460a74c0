"""Claims: rows to be published are taken under a lease, and settled only by whoever still holds it."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, Q, QuerySet
from django.db.models.functions import Now

from notificacao import metrics, wakes
from notificacao.conf import conf
from notificacao.dispatcher.orchestrator import Outcome
from notificacao.models import DispatcherLease, DispatchState, Notification

BATCH = 200
ATTEMPTS = 10


def claim(term: int, room: int = BATCH, busy: Collection[str] = ()) -> tuple[str, list[Notification]]:
    """A lease and at most `room` rows taken under it, in order of seq: stamped, not settled, held by nobody, of none of
    the `busy` channels. None for a leader whose `term` is over.

    What was held in an earlier term is held by nobody: that leader is dead, or frozen, and will find its lease gone.
    """
    free = Notification.objects.filter(dispatch_state=DispatchState.PENDING, seq__isnull=False).filter(
        ~Q(lease__startswith=f"{term}.") | Q(lease_until__lt=Now())
    )
    if busy:
        free = free.exclude(channel__in=busy)
    found = list(free.order_by("seq").values_list("pk", "attempts")[: min(room, BATCH)])
    _park(free.filter(pk__in=[pk for pk, attempts in found if attempts >= ATTEMPTS]))
    pks = [pk for pk, attempts in found if attempts < ATTEMPTS]
    if not pks:
        return "", []
    lease = f"{term}.{uuid.uuid4().hex}"
    until = Now() + timedelta(seconds=conf.DISPATCH_LEASE)
    leads = Exists(DispatcherLease.objects.filter(pk=1, term=term))
    free.filter(leads, pk__in=pks).update(lease=lease, lease_until=until, attempts=F("attempts") + 1)
    return lease, list(Notification.objects.filter(pk__in=pks, lease=lease).order_by("seq"))


def _park(worn_out: QuerySet[Notification]) -> None:
    """A row that brings down whoever takes it must not bring down the next one for ever."""
    parked = worn_out.update(
        dispatch_state=DispatchState.FAILED,
        error=f"retirada {ATTEMPTS} vezes, sem desfecho",
        settled_at=Now(),
        lease="",
        lease_until=None,
    )
    metrics.SETTLED.labels(DispatchState.FAILED).inc(parked)


def settle(outcomes: Mapping[str, Mapping[int, Outcome]]) -> int:
    """Write `{lease: {pk: outcome}}` where that lease still holds the row; how many rows that were."""
    alike: dict[tuple[str, Outcome], list[int]] = defaultdict(list)
    for lease, by_pk in outcomes.items():
        for pk, outcome in by_pk.items():
            alike[lease, outcome].append(pk)
    with transaction.atomic():
        written = [(outcome, _settle(lease, outcome, pks)) for (lease, outcome), pks in alike.items()]
    for outcome, rows in written:
        metrics.SETTLED.labels(outcome.state).inc(rows)
    return sum(rows for _, rows in written)


def _settle(lease: str, outcome: Outcome, pks: list[int]) -> int:
    mine = Notification.objects.filter(pk__in=pks, lease=lease)
    return mine.update(
        dispatch_state=outcome.state, error=outcome.error[:300], settled_at=Now(), lease="", lease_until=None
    )


def send_again(pks: Iterable[int]) -> int:
    """Let the failed ones among `pks` (a queryset of pks will do) be claimed again; how many those were.

    Their public ids stay, so a browser that has one already does not show it twice.
    """
    failed = Notification.objects.filter(pk__in=pks, dispatch_state=DispatchState.FAILED)
    again = failed.update(
        dispatch_state=DispatchState.PENDING, lease="", lease_until=None, error="", settled_at=None, attempts=0
    )
    wakes.after_commit(wakes.DISPATCHER)
    return again
