"""Read what the hub needs at a look, in one go, on the hub's own thread."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from notificacao import changes, eventlog, rollout
from notificacao.database import NOW, ask, clock, placeholders
from notificacao.eventlog import Cursor
from notificacao.models import LogHead, Notification, StreamChange
from notificacao.rollout import Rollout

BATCH = 1_000  # rows in one read
# This runs at most wakes in each web process, where Django's compiler would take longer than the database: one
# statement for the log's state and its rows, which says by one row without a pk that no row is new. The rows are
# bounded before they are joined: else a hub that is far behind has all that it lacks read and sorted for each batch.
# Clients see no other columns.
_LOOK = f"""
    SELECT row.*, coalesce(expires_at <= {{now}}, false) AS expired,
        log.epoch AS log_epoch, log.seq AS log_seq, trimmed_to AS log_trimmed_to, changes AS log_changes,
        {{now}} AS log_now, EXISTS (SELECT 1 FROM {StreamChange._meta.db_table} WHERE number IS NULL) AS has_new_changes
    FROM {LogHead._meta.db_table} AS log
        LEFT JOIN (
            SELECT id, public_id, event_id, channel, kind, priority, title, message, link, data, created_at, expires_at,
                seq, prev_seq, dispatch_state, traceparent
            FROM {Notification._meta.db_table}
            WHERE seq > {{after}} AND seq <= (SELECT seq FROM {LogHead._meta.db_table} WHERE id = 1)
            ORDER BY seq LIMIT {{limit}}
        ) AS row ON true
    WHERE log.id = 1 ORDER BY row.seq
"""  # noqa: S608 – the tables' own names
_SETTLED = f"SELECT seq, dispatch_state FROM {Notification._meta.db_table} WHERE seq IN ({{seqs}})"  # noqa: S608
CHANGES = 2_000  # changes in one read; where there are more, everybody is looked at


@dataclass(frozen=True)
class News:
    """Hold what is new since the hub's position."""

    position: Cursor
    head: int  # the log's last seq, which may lie beyond `position`
    epoch_changed: bool  # the log cannot go on from the hub's position: another epoch, set back, or trimmed
    trimmed_to: int
    rows: list[Notification]  # each with `expired`, as the database's clock has it
    more: bool
    settled: dict[int, str]  # seq → dispatch state, of the rows asked for
    changes: Sequence[StreamChange]  # those after the hub's last number, and those that have no number yet
    last_change: int  # the last number that was given
    changes_complete: bool  # else any person's access may have changed
    rollout: Rollout


def read(since: Cursor, unsettled: Collection[int], last_change: int, known: Rollout | None = None) -> News:
    """Read what is new after `since`, at most BATCH rows of it, and after the change numbered `last_change`.

    One statement reads the head and the rows: all rows up to it are visible. It tells of changes too, which are read
    after the rows: whoever lost access before a row was stamped is known with the row. Where the epoch has changed the
    answer is the new head, without rows. `unsettled` are the seqs whose dispatch state is asked for. With `known`, a
    rollout that was read a moment ago, it is not asked for again.
    """
    head, rows, has_new_changes = _look(since.seq)
    position = Cursor.of(head)
    if epoch_changed := not eventlog.answers(head, since):
        rows = []
    if more := len(rows) == BATCH:
        position = eventlog.place_of(rows[-1], position.epoch)
    settled = _settled(unsettled) if unsettled else {}
    changed: Sequence[StreamChange] = ()
    complete = True
    if has_new_changes or head.changes != last_change:
        changed, complete = changes.read(last_change, head.changes, CHANGES)
    last = max([head.changes, *(change.number or 0 for change in changed)]) if complete else head.changes
    return News(
        position=position,
        head=head.seq,
        epoch_changed=epoch_changed,
        trimmed_to=head.trimmed_to,
        rows=rows,
        more=more,
        settled=settled,
        changes=changed,
        last_change=last,
        changes_complete=complete,
        rollout=known or rollout.current(),
    )


def _look(after: int) -> tuple[LogHead, list[Notification], bool]:
    """Return the log's state, at most BATCH rows after the seq `after`, and whether changes wait for their number.

    The database's time is noted.
    """
    found: list[Any] = list(
        Notification.objects.raw(_LOOK.format(now=NOW[connection.vendor], after=after, limit=BATCH))
    )
    log = found[0]
    clock.note(log.log_now)
    head = LogHead(pk=1, epoch=log.log_epoch, seq=log.log_seq, trimmed_to=log.log_trimmed_to, changes=log.log_changes)
    return head, [row for row in found if row.pk is not None], bool(log.has_new_changes)


def _settled(seqs: Collection[int]) -> dict[int, str]:
    """Return `{seq: dispatch state}`."""
    return dict(ask(_SETTLED.format(seqs=placeholders(seqs)), [*seqs]))
