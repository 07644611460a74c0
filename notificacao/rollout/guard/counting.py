"""Count what became of each notification, by the arm to which its person is assigned.

The log is counted in ranges of `seq`, each once: a later count goes on where the earlier one ended. A notification
counts when it is old enough for its receipt to be here, on a personal channel that had a page open from the stamp to
now: nothing can be late for a person with no page open. A page that polls, since no stream comes through to it, tells
by its receipts that it is open.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import takewhile

from django.db.models import F, Manager

from notificacao import audiences, capability, cost, eventlog, metrics
from notificacao.database import wakeful
from notificacao.metrics import ROLLOUT_COUNTS
from notificacao.models import (
    ActiveChannel,
    Arm,
    CanaryProbe,
    DispatchState,
    Notification,
    Receipt,
    RolloutFlag,
    RolloutPlan,
)
from notificacao.models.rollout import BUCKETS
from notificacao.presence import LIVES_FOR
from notificacao.rollout.grace import GRACE

RIPE_AFTER = timedelta(seconds=120)  # since the stamp: time enough for the receipt to arrive
POLLED_WITHIN = timedelta(seconds=60)  # since the stamp: a page that polls has the row by then; one that slept has not
BATCH = 1_000  # rows, and probes, in one transaction
_COLUMNS = ("pk", "seq", "channel", "stamped_at", "dispatch_state", "error", "expires_at")


def count(plan_pk: int, flag: RolloutFlag) -> None:
    """Count all that is ripe for the plan.

    After a step it first waits for the grace of `GRACE` seconds to end, and begins at the log's head.
    """
    while _count_batch(plan_pk, flag):
        pass


@wakeful()
def _count_batch(plan_pk: int, flag: RolloutFlag) -> bool:
    """Count one batch; return whether there is more.

    The plan's row is locked, so that two that count at once count one after the other.
    """
    plan = RolloutPlan.objects.select_for_update().get(pk=plan_pk)
    now = eventlog.now()
    if not plan.is_watched or plan.since is None or now - plan.since < timedelta(seconds=GRACE):
        return False
    if plan.counted_to is None:
        last_probe = CanaryProbe.objects.values_list("pk", flat=True).last()
        RolloutPlan.objects.filter(pk=plan_pk).update(counted_to=eventlog.head().seq, probed_to=last_probe or 0)
        return False
    after = Notification.objects.filter(seq__gt=plan.counted_to).order_by("seq").only(*_COLUMNS)[:BATCH]
    rows = list(takewhile(lambda row: _stamped_at(row) <= now - RIPE_AFTER, after))
    probes = list(CanaryProbe.objects.filter(pk__gt=plan.probed_to).order_by("pk")[:BATCH])
    _count_rows(plan, flag, rows, now)
    _count_probes(plan, probes)
    plan.counted_to = rows[-1].seq if rows else plan.counted_to
    plan.probed_to = probes[-1].pk if probes else plan.probed_to
    plan.save(update_fields=["counted_to", "probed_to"])
    return BATCH in (len(rows), len(probes))


def arm_of(flag: RolloutFlag, person_pk: int) -> Arm | None:
    """Return the arm of a person by their bucket; None where they are in neither.

    The control are the buckets that follow Ably's: as many people, or all the others where they are fewer.
    """
    bucket, width = flag.bucket(person_pk), flag.percent * (BUCKETS // 100)
    if bucket < width:
        return Arm.ABLY
    return Arm.CONTROL if bucket < 2 * width else None


def _count_rows(plan: RolloutPlan, flag: RolloutFlag, rows: list[Notification], now: datetime) -> None:
    """Add the notifications of `rows` to the counts by person and by minute, where they count at all."""
    persons = _compared({row.channel for row in rows})
    open_since = _open_since(persons, now)
    received = Receipt.objects.filter(notification__in=[row.pk for row in rows], delivered_at__isnull=False)
    receipts = {receipt.notification_id: receipt for receipt in received if receipt.person_id in persons.values()}
    people: dict[tuple, Counter] = defaultdict(Counter)
    minutes: dict[tuple, Counter] = defaultdict(Counter)
    for row in rows:
        receipt = receipts.get(row.pk)
        was_open = row.channel in open_since and _stamped_at(row) >= open_since[row.channel]
        tells_nothing = _is_over(row, now) or _by_a_page_unable(receipt) or _was_moved(row)
        if tells_nothing or not (was_open or _polled(row, receipt)):
            continue
        arm = arm_of(flag, persons[row.channel])
        if arm is None:
            continue
        found = _judge(arm, row, receipt)
        if receipt is None:
            metrics.RECEIPTS_MISSING.inc()
        people[persons[row.channel], arm] += found
        minutes[_minute(_stamped_at(row)), arm, receipt.transport if receipt else ""] += found
        _tell(arm, found)
    _add(plan, plan.tallies, ("person_id", "arm"), ("plan", "person"), people)
    _add(plan, plan.minutes, ("at", "arm", "transport"), ("plan", "at", "arm", "transport"), minutes)


def _compared(channels: set[str]) -> dict[str, int]:
    """Return `{personal channel: pk}` of the people who may be on either side.

    Whoever has more channels than Ably can carry is on SSE whatever the flag says, and so is in neither arm.
    """
    persons = audiences.persons_of(channels)
    beyond = capability.beyond(persons.values())
    return {channel: pk for channel, pk in persons.items() if pk not in beyond}


def _open_since(channels: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Return `{channel: since}` of those of `channels` that have a page open now, without a pause since then."""
    told = ActiveChannel.objects.annotate(open=F("on_sse") + F("on_ably")).filter(
        channel__in=list(channels), open__gt=0, process__seen_at__gte=now - LIVES_FOR
    )
    since: dict[str, datetime] = {}
    for channel, began in told.values_list("channel", "since"):
        since[channel] = min(began, since.get(channel, began))
    return since


def _stamped_at(row: Notification) -> datetime:
    assert row.stamped_at is not None
    return row.stamped_at


def _polled(row: Notification, receipt: Receipt | None) -> bool:
    """Return whether a page that polls fetched the row."""
    if receipt is None or receipt.delivered_at is None or receipt.transport != Receipt.Transport.REST:
        return False
    return receipt.delivered_at - _stamped_at(row) <= POLLED_WITHIN


def _by_a_page_unable(receipt: Receipt | None) -> bool:
    """Return whether the page that got the row cannot verify what Ably brings, and so was never to be on Ably."""
    return receipt is not None and receipt.transport == Receipt.Transport.UNABLE


def _was_moved(row: Notification) -> bool:
    """Return whether the cost's governor kept the row off Ably, which tells nothing of Ably."""
    return row.dispatch_state == DispatchState.SKIPPED and row.error == cost.MOVED


def _is_over(row: Notification, now: datetime) -> bool:
    """Return whether the notification has expired, so that it may rightly not have come."""
    return row.expires_at is not None and row.expires_at <= now


def _judge(arm: Arm, row: Notification, receipt: Receipt | None) -> Counter:
    """Count one notification as shown, and as late or failed where it was.

    A notification that did not come by the arm's own transport has failed, even if it was healed; one that failed was
    late too.
    """
    own = receipt is not None and receipt.transport == (
        Receipt.Transport.ABLY if arm is Arm.ABLY else Receipt.Transport.SSE
    )
    failed = not own or (arm is Arm.ABLY and row.dispatch_state != DispatchState.PUBLISHED)
    latency = receipt.latency_ms if receipt and receipt.latency_ms is not None else 0
    return Counter(
        shown=1, over_100_ms=failed or latency > 100, over_500_ms=failed or latency > 500, failed=failed
    )  # fmt: skip


def _count_probes(plan: RolloutPlan, probes: list[CanaryProbe]) -> None:
    """Add the canary's probes to the counts by minute."""
    minutes: dict[tuple, Counter] = defaultdict(Counter)
    for probe in probes:
        found = Counter(shown=1, failed=probe.round_trip_ms is None)
        minutes[_minute(probe.at), Arm.CANARY, Receipt.Transport.ABLY] += found
        _tell(Arm.CANARY, found)
    _add(plan, plan.minutes, ("at", "arm", "transport"), ("plan", "at", "arm", "transport"), minutes)


def _tell(arm: Arm, found: Counter) -> None:
    """Add the counts to the metrics."""
    for what, number in found.items():
        metrics.ROLLOUT_COUNTED.labels(arm.value, what).inc(number)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _add(
    plan: RolloutPlan, rows: Manager, keys: tuple[str, ...], unique: tuple[str, ...], found: Mapping[tuple, Counter]
) -> None:
    """Add the counts `found` to the rows that are there, and make those that are not.

    `found` is `{key: counts}`, its keys the columns `keys`; `unique` names the columns of the rows' unique constraint.
    """
    sums = {key: Counter(counts) for key, counts in found.items()}
    known = rows.filter(**{f"{keys[0]}__in": {key[0] for key in found}}).values_list(*keys, *ROLLOUT_COUNTS)
    for row in known:
        key, counts = row[: len(keys)], row[len(keys) :]
        if key in sums:
            sums[key] += Counter(dict(zip(ROLLOUT_COUNTS, counts, strict=True)))
    rows.bulk_create(
        [rows.model(plan=plan, **dict(zip(keys, key, strict=True)), **counts) for key, counts in sums.items()],
        update_conflicts=True,
        unique_fields=unique,
        update_fields=ROLLOUT_COUNTS,
    )
