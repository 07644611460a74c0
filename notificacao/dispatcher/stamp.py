"""Stamping: give each committed row its `seq`, in one short transaction under the lock on the log's head.

Ids are given before commits and seqs after them, under one lock: whoever sees seq n sees all up to n.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from notificacao import metrics
from notificacao.dispatcher import lease
from notificacao.models import Channel, LogHead, Notification

BATCH = 500


class LeadLost(Exception):
    """Another dispatcher leads in a later term; this one must not write."""


def stamp(term: int) -> int:
    """Stamp at most `BATCH` rows in the order of their ids; how many. Raises LeadLost."""
    if not Notification.objects.filter(seq=None).exists():  # without taking the lock
        return 0
    with transaction.atomic():
        head: Any = LogHead.objects.select_for_update().annotate(now=Now()).get(pk=1)
        if not lease.is_held(term):
            raise LeadLost(f"term {term} is over")
        unstamped = Notification.objects.select_for_update(skip_locked=True).filter(seq=None).order_by("pk")
        rows = list(unstamped.only("pk", "channel", "created_at")[:BATCH])
        _number(rows, head)
    for row in rows:
        metrics.STAMP_SECONDS.observe(max(0.0, (head.now - row.created_at).total_seconds()))
    metrics.STAMPED.inc(len(rows))
    return len(rows)


def _number(rows: list[Notification], head: Any) -> None:
    """Write seq, prev_seq, the heads of the channels and the head of the log."""
    names = {row.channel for row in rows}
    heads = dict(Channel.objects.filter(pk__in=names).values_list("pk", "head"))
    numbers: list[tuple[int, int, datetime, int]] = []
    for seq, row in enumerate(rows, start=head.seq + 1):
        numbers.append((seq, heads.get(row.channel, 0), head.now, row.pk))
        heads[row.channel] = seq
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {Notification._meta.db_table} "  # noqa: S608 – the table's own name
            "SET seq = %s, prev_seq = %s, stamped_at = %s WHERE id = %s AND seq IS NULL",
            numbers,
        )
    Channel.objects.bulk_create(
        [Channel(name=name, head=heads[name]) for name in names],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["head"],
    )
    LogHead.objects.filter(pk=1).update(seq=head.seq + len(rows))
