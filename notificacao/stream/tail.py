"""Read what the hub needs at each wake or poll, in one go, on the hub's own thread."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from notificacao import eventlog, rollout
from notificacao.database import NOW
from notificacao.eventlog import Cursor
from notificacao.models import Notification, Person
from notificacao.rollout import Rollout

BATCH = 1_000  # rows in one read
# This runs at each wake, where Django's compiler would take longer than the database. Clients see no other columns.
_ROWS = f"""
    SELECT id, public_id, event_id, channel, kind, priority, title, message, link, data, created_at, expires_at,
        seq, prev_seq, dispatch_state, coalesce(expires_at <= {{now}}, false) AS expired
    FROM {Notification._meta.db_table} WHERE seq > {{after}} AND seq <= {{up_to}} ORDER BY seq LIMIT {{limit}}
"""  # noqa: S608 – the table's own name
_LOOK_BACK = timedelta(seconds=10)  # how late a change of a person may become visible and still be found


@dataclass(frozen=True)
class News:
    """Hold what is new since the hub's position."""

    position: Cursor
    epoch_changed: bool  # the log cannot go on from the hub's position: another epoch, set back, or trimmed
    trimmed_to: int
    rows: list[Notification]  # each with `expired`, as the database's clock has it
    more: bool
    settled: dict[int, str]  # seq → dispatch state, of the rows asked for
    people: dict[int, tuple[datetime, datetime]]  # pk → (access, reading) changed at, where one is recent
    rollout: Rollout


def read(since: Cursor, unsettled: Collection[int], connected: Collection[int], known: Rollout | None = None) -> News:
    """Read what is new after `since`, at most BATCH rows of it.

    The head is read before the rows: all rows up to it are visible. Where the epoch has changed the answer is the new
    head, without rows. `unsettled` are the seqs whose dispatch state is asked for, `connected` the pks of connected
    people. With `known`, a rollout that was read a moment ago, neither it nor people are asked for again.
    """
    head = eventlog.head()
    position = Cursor.of(head)
    epoch_changed = not eventlog.answers(head, since)
    rows: list[Notification] = []
    more = False
    if position.seq > since.seq and not epoch_changed:
        wanted = _ROWS.format(now=NOW[connection.vendor], after=since.seq, up_to=position.seq, limit=BATCH)
        rows = list(Notification.objects.raw(wanted))
        if more := len(rows) == BATCH:
            position = eventlog.place_of(rows[-1], position.epoch)
    settled = _settled(unsettled) if unsettled else {}
    people = _changed(connected) if known is None else {}
    return News(position, epoch_changed, head.trimmed_to, rows, more, settled, people, known or rollout.current())


def _settled(seqs: Collection[int]) -> dict[int, str]:
    """Return `{seq: dispatch state}`."""
    asked = Notification.objects.filter(seq__in=seqs).values_list("seq", "dispatch_state")
    return {seq: state for seq, state in asked if seq is not None}


def _changed(connected: Collection[int]) -> dict[int, tuple[datetime, datetime]]:
    """Return `{person pk: (access, reading) changed at}` of the connected people who changed recently."""
    if not connected:
        return {}
    lately = Now() - _LOOK_BACK
    changed = Person.objects.filter(Q(access_changed_at__gt=lately) | Q(reading_changed_at__gt=lately))
    return {
        pk: (access, reading)
        for pk, access, reading in changed.values_list("pk", "access_changed_at", "reading_changed_at")
        if pk in connected
    }
