"""Stamping: give each committed row its `seq`, in one short transaction under the lock on the log's head.

Ids are given before commits and seqs after them, under one lock: whoever sees seq n sees all up to n.
"""

from typing import NamedTuple

from django.db import connection, transaction

from notificacao import metrics
from notificacao.database import NOW, at_once
from notificacao.epoch import LogResetDetector
from notificacao.eventlog import Cursor
from notificacao.models import Channel, DispatcherLease, DispatchState, LogHead, Notification

BATCH = 1_000
ROWS, CHANNELS, HEAD, LEASE = (model._meta.db_table for model in (Notification, Channel, LogHead, DispatcherLease))
# A stamper that is frozen in its transaction would hold the lock for as long as it sleeps: PostgreSQL ends its session,
# before a standby would miss the three seconds within which it is to take over.
_LIMITS = "SET LOCAL idle_in_transaction_session_timeout = '2s'; SET LOCAL lock_timeout = '2s'"
Row = tuple[int, str, int | None, float]  # pk, channel, head of the channel, seconds since the creation


class Words(NamedTuple):
    """What the databases say differently. On SQLite a transaction that writes is alone: nothing is left to lock."""

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


class LeadLost(Exception):
    """Another dispatcher leads in a later term; this one must not write."""


def stamp(term: int, *, skip: bool = False, witness: LogResetDetector | None = None) -> int:
    """Stamp at most `BATCH` rows in the order of their ids; how many. Raises LeadLost.

    `skip`: nobody is on Ably, so they are settled as skipped by the same write. Where the log is behind what `witness`
    saw of it, its epoch is renewed first: these seqs were given before.
    """
    witness = witness or LogResetDetector()
    if at_once(f"SELECT 1 FROM {ROWS} WHERE seq IS NULL LIMIT 1") == [[]]:  # without taking the lock
        return 0
    with transaction.atomic():
        head, rows = _lock_and_look(term)
        witness.renew_if_set_back(head)
        if rows:
            _number(rows, head.seq, skip)
    witness.saw(Cursor(head.epoch, head.seq + len(rows)))
    for _, _, _, waited in rows:
        metrics.STAMP_SECONDS.observe(max(0.0, waited))
    metrics.STAMPED.inc(len(rows))
    if skip:
        metrics.SETTLED.labels(DispatchState.SKIPPED).inc(len(rows))
    return len(rows)


def _lock_and_look(term: int) -> tuple[LogHead, list[Row]]:
    """The log's head, locked, while `term` is the current one, and the next batch of rows. Raises LeadLost.

    Two locks, always in this order. The head's makes stampers wait for each other, whatever they believe to be. The
    lease's keeps the term from changing between this look and the commit: a standby waits until we are through, and
    finds our rows, or until we are thrown out, and finds none. The rows are looked for when both are held.
    """
    on = _WORDS[connection.vendor]
    limits = [_LIMITS] if connection.vendor == "postgresql" else []
    *_, heads, leads, rows = at_once(
        *limits,
        f"SELECT epoch, seq FROM {HEAD} WHERE id = 1 {on.lock}",
        f"SELECT 1 FROM {LEASE} WHERE id = 1 AND term = {term:d} {on.lock_term}",
        f"SELECT id, channel, (SELECT head FROM {CHANNELS} WHERE name = channel), {on.waited} "
        f"FROM {ROWS} WHERE seq IS NULL ORDER BY id LIMIT {BATCH:d} {on.lock_or_skip}",
    )
    if not leads:
        raise LeadLost(f"term {term} is over")
    epoch, seq = heads[0]
    return LogHead(pk=1, epoch=epoch, seq=seq), rows


def _number(rows: list[Row], head: int, skip: bool) -> None:
    """Write seq, prev_seq, the heads of the channels and the head of the log. There is a row at least."""
    last: dict[str, int] = {}
    numbers = []
    for seq, (pk, channel, channel_head, _) in enumerate(rows, start=head + 1):
        numbers.append(f"({pk},{seq},{last.get(channel, channel_head or 0)})")
        last[channel] = seq
    now = NOW[connection.vendor]
    settled = f"dispatch_state = 'skipped', settled_at = {now}, " if skip else ""
    at_once(
        f"UPDATE {ROWS} AS row SET {settled}stamped_at = {now}, seq = given.column2, prev_seq = given.column3 "
        f"FROM (VALUES {','.join(numbers)}) AS given WHERE row.id = given.column1 AND row.seq IS NULL",
        f"INSERT INTO {CHANNELS} (name, head, key_epoch) "
        f"SELECT channel, max(seq), 1 FROM {ROWS} WHERE seq > {head} AND seq <= {seq} "
        "GROUP BY channel ORDER BY channel "
        "ON CONFLICT (name) DO UPDATE SET head = excluded.head",
        f"UPDATE {HEAD} SET seq = {seq} WHERE id = 1",
    )
