"""Stamping: give each committed row its `seq`, in one short transaction under the lock on the log's head.

Ids are given before commits and seqs after them, under one lock: whoever sees seq n sees all up to n.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

from notificacao import metrics
from notificacao.dispatcher import lease
from notificacao.epoch import Witness
from notificacao.log import Cursor
from notificacao.models import Channel, DispatchState, LogHead, Notification

BATCH = 1_000
# A stamper that is frozen in its transaction would hold the lock for as long as it sleeps: PostgreSQL ends its session,
# before a standby would miss the three seconds within which it is to take over.
_LIMITS = "SET LOCAL idle_in_transaction_session_timeout = '2s'; SET LOCAL lock_timeout = '2s'"
_WRITE_CHANNEL_HEADS = f"""
    INSERT INTO {Channel._meta.db_table} (name, head, key_epoch)
    SELECT channel, max(seq), 1 FROM {Notification._meta.db_table} WHERE seq > %s AND seq <= %s GROUP BY channel
    ORDER BY channel
    ON CONFLICT (name) DO UPDATE SET head = excluded.head
"""  # noqa: S608 – the tables' own names


class LeadLost(Exception):
    """Another dispatcher leads in a later term; this one must not write."""


def stamp(term: int, *, skip: bool = False, witness: Witness | None = None) -> int:
    """Stamp at most `BATCH` rows in the order of their ids; how many. Raises LeadLost.

    `skip`: nobody is on Ably, so they are settled as skipped by the same write. Where the log is behind what `witness`
    saw of it, its epoch is renewed first: these seqs were given before.
    """
    witness = witness or Witness()
    if not Notification.objects.filter(seq=None).exists():  # without taking the lock
        return 0
    with transaction.atomic():
        head = _lock(term)
        witness.renew_if_set_back(head)
        rows = _unstamped()
        if rows:
            _number(rows, head, skip)
    witness.saw(Cursor(head.epoch, head.seq + len(rows)))
    for _, _, created_at, _ in rows:
        metrics.STAMP_SECONDS.observe(max(0.0, (head.now - created_at).total_seconds()))
    metrics.STAMPED.inc(len(rows))
    if skip:
        metrics.SETTLED.labels(DispatchState.SKIPPED).inc(len(rows))
    return len(rows)


def _lock(term: int) -> Any:
    """The log's head, locked, while `term` is the current one. Raises LeadLost.

    Two locks, always in this order. The head's makes stampers wait for each other, whatever they believe to be. The
    lease's keeps the term from changing between this look and the commit: a standby waits until we are through, and
    finds our rows, or until we are thrown out, and finds none.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_LIMITS)
    head = LogHead.objects.select_for_update().annotate(now=Now()).get(pk=1)
    if not lease.keep(term):
        raise LeadLost(f"term {term} is over")
    return head


def _unstamped() -> list[tuple[int, str, datetime, int | None]]:
    """`(pk, channel, created at, head of the channel)` of the next batch."""
    head = Channel.objects.filter(pk=OuterRef("channel")).values("head")
    rows = Notification.objects.select_for_update(skip_locked=True).filter(seq=None).order_by("pk")
    return list(rows.values_list("pk", "channel", "created_at", Subquery(head))[:BATCH])


def _number(rows: list[tuple[int, str, datetime, int | None]], head: Any, skip: bool) -> None:
    """Write seq, prev_seq, the heads of the channels and the head of the log. There is a row at least."""
    last: dict[str, int] = {}
    numbers = []
    for seq, (pk, channel, _, channel_head) in enumerate(rows, start=head.seq + 1):
        numbers.append(f"({pk},{seq},{last.get(channel, channel_head or 0)})")
        last[channel] = seq
    _write(",".join(numbers), head.now, skip)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_CHANNEL_HEADS, [head.seq, seq])
    LogHead.objects.filter(pk=1).update(seq=seq)


def _write(numbers: str, now: datetime, skip: bool) -> None:
    """One statement for the batch; `numbers` are `(pk,seq,prev_seq)`, integers of our own."""
    moment = connection.ops.adapt_datetimefield_value(now)
    settled = "dispatch_state = 'skipped', settled_at = %s, " if skip else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {Notification._meta.db_table} AS row SET {settled}"  # noqa: S608 – no word from outside is in it
            "stamped_at = %s, seq = given.column2, prev_seq = given.column3 "
            f"FROM (VALUES {numbers}) AS given WHERE row.id = given.column1 AND row.seq IS NULL",
            [moment] * (2 if skip else 1),
        )
