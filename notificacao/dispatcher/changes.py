"""Number the committed changes of access, reading state and keys, renew keys, and tell the hubs what is stamped.

Numbers are given as seqs are: after the commit, under the lock on the log's head, in the current term.
"""

from django.db import connection, transaction

from notificacao import stamped, wakes
from notificacao.database import NOW, at_once
from notificacao.dispatcher.stamp import CHANNELS, HEAD, ROWS, lock_and_look
from notificacao.models import DispatchState, LogHead, StreamChange
from notificacao.stamped import Stamped

BATCH = 100  # changes in one transaction: each may write one channel's row, and rows wait for their stamp meanwhile
CHANGES = StreamChange._meta.db_table
_WAITING = f"""
    SELECT id FROM {CHANGES} WHERE number IS NULL ORDER BY kind <> '{StreamChange.Kind.KEY}', id LIMIT {{limit}}
"""  # noqa: S608 – our table; keys come first: what is published meanwhile must not be encrypted with an old one
_LAST_WHERE_NONE_WAITS = f"""
    SELECT changes FROM {HEAD} WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM {CHANGES} WHERE number IS NULL)
"""  # noqa: S608 – the tables' own names
_GIVE = f"""
    UPDATE {CHANGES} AS change SET number = given.column2
    FROM (VALUES {{numbers}}) AS given WHERE change.id = given.column1
"""  # noqa: S608 – the tables' own names
_REMEMBER = f"UPDATE {HEAD} SET changes = {{last}} WHERE id = 1"  # noqa: S608
_RENEW = f"""
    INSERT INTO {CHANNELS} (name, head, key_epoch, key_renewed_at, key_since, old_key_since)
    SELECT channel, 0, 2, {{now}}, {{since}}, {{since}} FROM {CHANGES} AS change
    WHERE number > {{after}} AND number <= {{last}} AND kind = '{StreamChange.Kind.KEY}'
    GROUP BY channel ORDER BY channel
    ON CONFLICT (name) DO UPDATE SET key_epoch = {CHANNELS}.key_epoch + 1, key_renewed_at = excluded.key_renewed_at,
        key_since = excluded.key_since, old_key_since = {CHANNELS}.key_since
    RETURNING name, key_epoch
"""  # noqa: S608 – the tables' own names
# Rows that are under way are sent with the new key, or again with it.
_SINCE = f"""
    coalesce((SELECT min(seq) FROM {ROWS} AS row WHERE row.channel = change.channel AND row.seq IS NOT NULL
              AND row.dispatch_state = '{DispatchState.PENDING}'), {{head}} + 1) - 1
"""  # noqa: S608 – the tables' own names


def tell_of(rows: Stamped) -> bool:
    """Wake the hubs for `rows`, whose stamp is committed; return whether a change waits for its number.

    Where none does, the hubs are told where the rows lie: whoever lost access before they were stamped is known to a
    hub that has all changes up to the last number. That is asked after the commit.
    """
    told = b""
    try:
        (found,) = at_once(_LAST_WHERE_NONE_WAITS)
        if rows and found:
            told = stamped.seal(rows, found[0][0])
    finally:
        if rows:
            wakes.wake(wakes.HUBS, told)
    return not found


def number(term: int) -> tuple[int, dict[str, int]]:
    """Number at most `BATCH` changes, keys first, each kind in the order of its ids. Raises LeadLost.

    Return how many, and `{channel: key epoch}` of the keys that were renewed with them.
    """
    with transaction.atomic():
        head, rows = lock_and_look(term, _WAITING.format(limit=BATCH))
        renewed = _number([pk for (pk,) in rows], head) if rows else {}
    return len(rows), renewed


def _number(pks: list[int], head: LogHead) -> dict[str, int]:
    """Give the changes `pks` the numbers that follow the last one; renew the keys, and return `{channel: key epoch}`.

    There is a change at least.
    """
    after, last = head.changes, head.changes + len(pks)
    numbers = ",".join(f"({pk},{place})" for place, pk in enumerate(pks, start=after + 1))
    values = {"numbers": numbers, "now": NOW[connection.vendor], "after": after, "last": last}
    values["since"] = _SINCE.format(head=head.seq)
    _, renewed, _ = at_once(*(statement.format(**values) for statement in (_GIVE, _RENEW, _REMEMBER)))
    return dict(renewed)
