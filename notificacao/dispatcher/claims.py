"""Claim rows to be published under a lease, and settle them only while that lease still holds them."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter

from django.db import connection
from django.db.models import Exists, OuterRef

from notificacao import audiences, changes, cost, metrics, wakes
from notificacao.conf import conf
from notificacao.cost import Sent
from notificacao.database import FROM_NOW, NOW_BESIDE_VALUES, ask, placeholders, wakeful
from notificacao.dispatcher.orchestrator import OVER_BUDGET, PUBLISHED, Outcome
from notificacao.models import Channel, DispatcherLease, DispatchState, Notification, StreamChange

BATCH = 200  # rows in one claim
ATTEMPTS = 10  # claims of one row without an outcome, after which it is parked
ROWS, WAITING, LEASE = (model._meta.db_table for model in (Notification, StreamChange, DispatcherLease))
# By hand, and one statement for each, since every row for Ably pays for them: Django takes longer to put a statement
# together than PostgreSQL to answer it. PostgreSQL finds the rows once, as an array: given as a table, all would be
# found anew for each row that waits. It locks them in the order of their seqs, and then looks again at what made each
# one of them; outside of the array nothing does.
_FOUND = {"postgresql": "= ANY (ARRAY({rows} FOR NO KEY UPDATE OF row))", "sqlite": "IN ({rows})"}
_FREE = f"""
    SELECT id FROM {ROWS} AS row
    WHERE dispatch_state = 'pending' AND seq IS NOT NULL AND (lease NOT LIKE %s OR lease_until < {{now}}) AND {{idle}}
    AND NOT EXISTS (
        SELECT 1 FROM {WAITING} AS change WHERE kind = 'key' AND number IS NULL AND change.channel = row.channel
    )
    ORDER BY seq LIMIT %s
"""  # noqa: S608 – the tables' own names
# A row that brings down its dispatcher must not bring down the next one for ever: claimed too often, it is parked.
_CLAIM = f"""
    UPDATE {ROWS} SET
        lease = CASE WHEN attempts < {ATTEMPTS} THEN %s ELSE '' END,
        lease_until = CASE WHEN attempts < {ATTEMPTS} THEN {{until}} END,
        dispatch_state = CASE WHEN attempts < {ATTEMPTS} THEN dispatch_state ELSE 'failed' END,
        error = CASE WHEN attempts < {ATTEMPTS} THEN error ELSE 'retirada {ATTEMPTS} vezes, sem desfecho' END,
        settled_at = CASE WHEN attempts < {ATTEMPTS} THEN settled_at ELSE {{now}} END,
        attempts = CASE WHEN attempts < {ATTEMPTS} THEN attempts + 1 ELSE attempts END
    WHERE EXISTS (SELECT 1 FROM {LEASE} WHERE id = 1 AND term = %s) AND id {{found}}
    RETURNING *
"""  # noqa: S608 – the tables' own names
_HELD = f"SELECT id FROM {ROWS} AS row WHERE id IN ({{pks}}) AND lease = %s ORDER BY seq"  # noqa: S608
_SETTLE = f"""
    UPDATE {ROWS} SET dispatch_state = %s, error = %s, settled_at = {{now}}, lease = '', lease_until = NULL
    WHERE id {{found}}
    RETURNING id, channel, priority
"""  # noqa: S608 – the tables' own names


def claim(term: int, room: int = BATCH, busy: Collection[str] = ()) -> tuple[str, list[Notification]]:
    """Return a new lease and at most `room` rows claimed under it, in the order of seq; `("", [])` where none is free.

    Rows are free that are stamped, not settled, held under no lease of this term that still lasts, and of no
    channel that is `busy` or whose key is to be renewed. A leader whose `term` is over gets none. A lease of an earlier
    term holds nothing: that leader is dead, or frozen, and will find its lease gone. At most `BATCH` rows are claimed,
    for `DISPATCH_LEASE` seconds; a row that was claimed `ATTEMPTS` times is parked: settled as failed.
    """
    on = connection.vendor
    now = NOW_BESIDE_VALUES[on]
    free = _FREE.format(now=now, idle=f"channel NOT IN ({placeholders(busy)})" if busy else "TRUE")
    asked = (f"{term}.%", *busy, min(room, BATCH))
    if on == "sqlite" and not ask(free, asked):  # a write would wait for other writers, and for nothing
        return "", []
    lease = f"{term}.{uuid.uuid4().hex}"
    statement = _CLAIM.format(until=FROM_NOW[on], now=now, found=_FOUND[on].format(rows=free))
    found = list(Notification.objects.raw(statement, (lease, conf.DISPATCH_LEASE, term, *asked)))
    rows = sorted((row for row in found if row.dispatch_state == DispatchState.PENDING), key=attrgetter("seq"))
    parked = Counter(audiences.kind_of(row.channel) for row in found if row.dispatch_state == DispatchState.FAILED)
    _count(DispatchState.FAILED, parked)
    return (lease, rows) if rows else ("", [])


def settle(outcomes: Mapping[str, Mapping[int, Outcome]]) -> int:
    """Write `{lease: {pk: outcome}}` where that lease still holds the row; return how many rows were written."""
    billed = {pk: outcome.billed for by_pk in outcomes.values() for pk, outcome in by_pk.items()}
    alike: dict[tuple[str, Outcome], list[int]] = defaultdict(list)
    for lease, by_pk in outcomes.items():
        for pk, outcome in by_pk.items():
            alike[lease, outcome].append(pk)
    with wakeful():
        written = [(outcome, _settle(lease, outcome, pks, billed)) for (lease, outcome), pks in alike.items()]
    for outcome, kinds in written:
        _count(outcome.state, kinds)
    return sum(kinds.total() for _, kinds in written)


def _settle(lease: str, outcome: Outcome, pks: list[int], billed: Mapping[int, int]) -> Counter[str]:
    """Write one outcome to those rows of `pks` that `lease` still holds; return how many of each kind of channel.

    What Ably bills for them, `{pk: messages}`, or would have billed, is metered with it.
    """
    found = _FOUND[connection.vendor].format(rows=_HELD.format(pks=placeholders(pks)))
    statement = _SETTLE.format(now=NOW_BESIDE_VALUES[connection.vendor], found=found)
    held = ask(statement, [outcome.state.value, outcome.error[:300], *pks, lease])
    if outcome in (PUBLISHED, OVER_BUDGET):
        sent = [Sent(channel, priority, billed[pk] or 1) for pk, channel, priority in held]
        cost.meter_messages(sent, moved=outcome == OVER_BUDGET)
    return Counter(audiences.kind_of(channel) for _, channel, _ in held)


def _count(state: DispatchState, kinds: Counter[str]) -> None:
    """Add rows that were settled, by kind of channel, to the metrics."""
    for kind, rows in kinds.items():
        metrics.SETTLED.labels(state, kind).inc(rows)


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
