"""Claim rows to be published under a lease, and settle them only while that lease still holds them."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from notificacao import audiences, changes, cost, metrics, wakes
from notificacao.conf import conf
from notificacao.cost import Sent
from notificacao.dispatcher.orchestrator import OVER_BUDGET, PUBLISHED, Outcome
from notificacao.models import Channel, DispatcherLease, DispatchState, Notification, StreamChange

BATCH = 200  # rows in one claim
ATTEMPTS = 10  # claims of one row without an outcome, after which it is parked


def claim(term: int, room: int = BATCH, busy: Collection[str] = ()) -> tuple[str, list[Notification]]:
    """Return a new lease and at most `room` rows claimed under it, in the order of seq; `("", [])` where none is free.

    Rows are free that are stamped, not settled, held under no lease of this term that still lasts, and of no
    channel that is `busy` or whose key is to be renewed.
    A leader whose `term` is over gets none: the lease comes back with an empty list. A lease of an
    earlier term holds nothing: that leader is dead, or frozen, and will find its lease gone. At most `BATCH` rows are
    claimed, for `DISPATCH_LEASE` seconds; a row that was claimed `ATTEMPTS` times is parked.
    """
    free = Notification.objects.filter(dispatch_state=DispatchState.PENDING, seq__isnull=False).filter(
        ~Q(lease__startswith=f"{term}.") | Q(lease_until__lt=Now())
    )
    waits = StreamChange.objects.filter(kind=StreamChange.Kind.KEY, number=None, channel=OuterRef("channel"))
    free = free.filter(~Exists(waits))
    if busy:
        free = free.exclude(channel__in=busy)
    found = list(free.order_by("seq").values_list("pk", "attempts")[: min(room, BATCH)])
    if worn_out := [pk for pk, attempts in found if attempts >= ATTEMPTS]:
        _park(free.filter(pk__in=worn_out))
    pks = [pk for pk, attempts in found if attempts < ATTEMPTS]
    if not pks:
        return "", []
    lease = f"{term}.{uuid.uuid4().hex}"
    until = Now() + timedelta(seconds=conf.DISPATCH_LEASE)
    leads = Exists(DispatcherLease.objects.filter(pk=1, term=term))
    free.filter(leads, pk__in=pks).update(lease=lease, lease_until=until, attempts=F("attempts") + 1)
    return lease, list(Notification.objects.filter(pk__in=pks, lease=lease).order_by("seq"))


def _park(worn_out: QuerySet[Notification]) -> None:
    """Settle rows that were claimed too often as failed.

    A row that brings down its dispatcher must not bring down the next one for ever.
    """
    outcome = Outcome(DispatchState.FAILED, f"retirada {ATTEMPTS} vezes, sem desfecho")
    with transaction.atomic():
        parked = _write(worn_out, outcome)
    _count(outcome, parked)


def settle(outcomes: Mapping[str, Mapping[int, Outcome]]) -> int:
    """Write `{lease: {pk: outcome}}` where that lease still holds the row; return how many rows were written."""
    billed = {pk: outcome.billed for by_pk in outcomes.values() for pk, outcome in by_pk.items()}
    alike: dict[tuple[str, Outcome], list[int]] = defaultdict(list)
    for lease, by_pk in outcomes.items():
        for pk, outcome in by_pk.items():
            alike[lease, outcome].append(pk)
    with transaction.atomic():
        written = [(outcome, _settle(lease, outcome, pks, billed)) for (lease, outcome), pks in alike.items()]
    for outcome, kinds in written:
        _count(outcome, kinds)
    return sum(kinds.total() for _, kinds in written)


def _settle(lease: str, outcome: Outcome, pks: list[int], billed: Mapping[int, int]) -> Counter[str]:
    """Write one outcome to those rows of `pks` that `lease` still holds; return as `_write` does.

    What Ably bills for them, `{pk: messages}`, or would have billed, is metered with it.
    """
    return _write(Notification.objects.filter(pk__in=pks, lease=lease), outcome, billed)


def _write(rows: QuerySet[Notification], outcome: Outcome, billed: Mapping[int, int] | None = None) -> Counter[str]:
    """Write one outcome to `rows`, which stay locked meanwhile; return how many of each kind of channel they are."""
    held = list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk", "channel", "priority"))
    if billed is not None and outcome in (PUBLISHED, OVER_BUDGET):
        sent = [Sent(channel, priority, billed[pk] or 1) for pk, channel, priority in held]
        cost.meter_messages(sent, moved=outcome == OVER_BUDGET)
    Notification.objects.filter(pk__in=[pk for pk, *_ in held]).update(
        dispatch_state=outcome.state, error=outcome.error[:300], settled_at=Now(), lease="", lease_until=None
    )
    return Counter(audiences.kind_of(channel) for _, channel, _ in held)


def _count(outcome: Outcome, kinds: Counter[str]) -> None:
    """Add rows that were settled, by kind of channel, to the metrics."""
    for kind, rows in kinds.items():
        metrics.SETTLED.labels(outcome.state, kind).inc(rows)


def send_again(pks: Iterable[int]) -> int:
    """Let the failed rows among `pks` (pks, or a queryset of them) be claimed again; return how many they are.

    Those of an inactive unit, which is sent nothing, stay as they are. Where a newcomer from after a row has its
    channel's key, the key is renewed first, and the next one is not for them. Their public ids stay, so a browser that
    has one already does not show it twice.
    """
    failed = Notification.objects.filter(pk__in=pks, dispatch_state=DispatchState.FAILED)
    closed = audiences.inactive_units(failed.values_list("channel", flat=True).distinct())
    failed = failed.exclude(channel__in=[audiences.channel_for_unit(unit) for unit in closed])
    told = Channel.objects.filter(pk=OuterRef("channel"), key_since__gte=OuterRef("seq"))
    changes.of_keys(failed.filter(Exists(told)).values_list("channel", flat=True).distinct())
    again = failed.update(
        dispatch_state=DispatchState.PENDING, lease="", lease_until=None, error="", settled_at=None, attempts=0
    )
    wakes.after_commit(wakes.DISPATCHER)
    return again
