"""Claims: rows to be published are taken under a lease, and settled only by whoever still holds it."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from notificacao import metrics, wakes
from notificacao.conf import conf
from notificacao.models import DispatchState, Notification
from notificacao.orchestrator import Outcome

BATCH = 200


def claim() -> tuple[str, list[Notification]]:
    """A lease and the rows taken under it, in order of seq: stamped, not settled, held by nobody."""
    free = Notification.objects.filter(dispatch_state=DispatchState.PENDING, seq__isnull=False).filter(
        Q(lease_until=None) | Q(lease_until__lt=Now())
    )
    pks = list(free.order_by("seq").values_list("pk", flat=True)[:BATCH])
    if not pks:
        return "", []
    lease = uuid.uuid4().hex
    until = Now() + timedelta(seconds=conf.DISPATCH_LEASE)
    free.filter(pk__in=pks).update(lease=lease, lease_until=until, attempts=F("attempts") + 1)
    return lease, list(Notification.objects.filter(pk__in=pks, lease=lease).order_by("seq"))


def settle(lease: str, outcomes: Mapping[int, Outcome]) -> int:
    """Write `{pk: outcome}` where `lease` still holds the row; how many rows that were."""
    alike: dict[Outcome, list[int]] = defaultdict(list)
    for pk, outcome in outcomes.items():
        alike[outcome].append(pk)
    settled = 0
    for outcome, pks in alike.items():
        mine = Notification.objects.filter(pk__in=pks, lease=lease)
        written = mine.update(
            dispatch_state=outcome.state, error=outcome.error[:300], settled_at=Now(), lease="", lease_until=None
        )
        metrics.SETTLED.labels(outcome.state).inc(written)
        settled += written
    return settled


def send_again(pks: Iterable[int]) -> int:
    """Let the failed ones among `pks` (a queryset of pks will do) be claimed again; how many those were.

    Their public ids stay, so a browser that has one already does not show it twice.
    """
    failed = Notification.objects.filter(pk__in=pks, dispatch_state=DispatchState.FAILED)
    again = failed.update(dispatch_state=DispatchState.PENDING, lease="", lease_until=None, error="", settled_at=None)
    wakes.after_commit(wakes.DISPATCHER)
    return again
