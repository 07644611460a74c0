"""Number committed rows with their `seq`, in one short transaction under the lock on the log's head: the stamp.

Ids are given before commits and seqs after them, under one lock: a reader that sees seq n sees all up to n.
"""

import time
from collections import Counter
from typing import NamedTuple

from django.db import connection, transaction

from notificacao import audiences, metrics, tracing
from notificacao.database import IDLE_LIMIT, NOW, at_once
from notificacao.epoch import LogResetDetector
from notificacao.eventlog import Cursor
from notificacao.models import Channel, DispatcherLease, DispatchState, LogHead, Notification
from notificacao.stamped import Stamped

BATCH = 1_000  # rows in one transaction
ROWS, CHANNELS, HEAD, LEASE = (model._meta.db_table for model in (Notification, Channel, LogHead, DispatcherLease))
_LIMITS = f"{IDLE_LIMIT}; SET LOCAL lock_timeout = '2s'"  # in the round trip of its look, and not as in `wakeful`
# pk, channel, head of the channel, seconds since the creation, traceparent
Row = tuple[int, str, int | None, float, str | None]


class Words(NamedTuple):
    """Hold the SQL that differs between the databases.

    On SQLite a transaction that writes is alone, and nothing is left to lock.
    """

    waited: str  # seconds since the row's creation
    lock: str
    lock_term: str
    lock_or_skip: str


_WORDS = {
    "postgresql": Words(
        waited="extract(epoch FROM statement_timestamp() - created_at)::float8",
        lock="FOR UPDATE",
        lock_term="FOR NO KEY UPDATE",
        lock_or_skip="FOR UPDATE SKIP LOCKED",
    ),
    "sqlite": Words(
        waited="(julianday('now') - julianday(created_at)) * 86400",
        lock="",
        lock_term="",
        lock_or_skip="",
    ),
}


_WAITING = f"""
    SELECT id, channel, (SELECT head FROM {CHANNELS} WHERE name = channel), {{waited}}, traceparent
    FROM {ROWS} WHERE seq IS NULL ORDER BY id LIMIT {{limit}} {{lock_or_skip}}
"""


class LeadLost(Exception):
    """Stop a dispatcher that leads no more: another leads in a later term, and this one must not write."""


def stamp(term: int, *, skip: bool = False, reset_detector: LogResetDetector | None = None) -> Stamped:
    """Stamp at most `BATCH` rows in the order of their ids; return where they lie.

    Raises LeadLost where `term` is over.

    `skip`: nobody is on Ably, so the same write settles the rows as skipped. Where the log is behind what
    `reset_detector` saw of it, its epoch is renewed first, since these seqs were given before; without a detector
    nothing was seen yet.
    """
    reset_detector = reset_detector or LogResetDetector()
    if at_once(f"SELECT 1 FROM {ROWS} WHERE seq IS NULL LIMIT 1") == [[]]:  # without taking the lock
        return Stamped(Cursor("", 0))
    began = time.time_ns()
    with transaction.atomic():
        head, rows = lock_and_look(term, _WAITING.format(limit=BATCH, **_WORDS[connection.vendor]._asdict()))
        reset_detector.renew_if_set_back(head)
        if rows:
            _number(rows, head.seq, skip)
    reset_detector.saw(Cursor(head.epoch, head.seq + len(rows)))
    outcome = DispatchState.SKIPPED.value if skip else None
    for seq, (_, _, _, waited, traceparent) in enumerate(rows, start=head.seq + 1):
        metrics.STAMP_SECONDS.observe(max(0.0, waited))
        tracing.note("stamp", traceparent, began, seq=seq, waited_ms=round(1_000 * waited), outcome=outcome)
    metrics.STAMPED.inc(len(rows))
    if skip:
        for kind, number in Counter(audiences.kind_of(channel) for _, channel, *_ in rows).items():
            metrics.SETTLED.labels(DispatchState.SKIPPED, kind).inc(number)
    return Stamped(Cursor(head.epoch, head.seq), [channel for _, channel, *_ in rows])


def lock_and_look(term: int, question: str) -> tuple[LogHead, list[tuple]]:
    """Lock the log's head while `term` is the current one; return it with the rows of `question`. Raises LeadLost.

    It takes two locks, always in this order. The head's makes stampers wait for each other, whether they lead or only
    believe so. The lease's keeps the term from changing between this look and the commit: a standby waits until this
    transaction commits, and finds its rows, or until it is ended, and finds none. The rows are looked for when both are
    held.
    """
    on = _WORDS[connection.vendor]
    limits = [_LIMITS] if connection.vendor == "postgresql" else []
    *_, heads, leads, rows = at_once(
        *limits,
        f"SELECT epoch, seq, changes FROM {HEAD} WHERE id = 1 {on.lock}",
        f"SELECT 1 FROM {LEASE} WHERE id = 1 AND term = {term:d} {on.lock_term}",
        question,
    )
    if not leads:
        raise LeadLost(f"term {term} is over")
    epoch, seq, changes = heads[0]
    return LogHead(pk=1, epoch=epoch, seq=seq, changes=changes), rows


def _number(rows: list[Row], head: int, skip: bool) -> None:
    """Write seq, prev_seq, the heads of the channels and the head of the log. `rows` has one row at least.

    `head` is the log's last seq; `skip` settles the rows as skipped.
    """
    last: dict[str, int] = {}
    numbers = []
    for seq, (pk, channel, channel_head, *_) in enumerate(rows, start=head + 1):
        numbers.append(f"({pk},{seq},{last.get(channel, channel_head or 0)})")
        last[channel] = seq
    now = NOW[connection.vendor]
    settled = f"dispatch_state = 'skipped', settled_at = {now}, " if skip else ""
    at_once(
        f"UPDATE {ROWS} AS row SET {settled}stamped_at = {now}, seq = given.column2, prev_seq = given.column3 "
        f"FROM (VALUES {','.join(numbers)}) AS given WHERE row.id = given.column1 AND row.seq IS NULL",
        f"INSERT INTO {CHANNELS} (name, head, key_epoch, key_since, old_key_since) "
        f"SELECT channel, max(seq), 1, min(seq) - 1, 0 FROM {ROWS} WHERE seq > {head} AND seq <= {seq} "
        "GROUP BY channel ORDER BY channel "
        "ON CONFLICT (name) DO UPDATE SET head = excluded.head",
        f"UPDATE {HEAD} SET seq = {seq} WHERE id = 1",
    )
