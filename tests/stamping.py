"""Give every committed row its place in the log, and every change its number, as the dispatcher does."""

from notificacao.changes import of_keys
from notificacao.dispatcher import changes, lease
from notificacao.dispatcher.stamp import stamp
from notificacao.models import Notification
from tests.rows import write


def stamp_all() -> int:
    """Stamp what is not stamped yet, and wake the hubs; how many rows. The lease is free again afterwards."""
    term = lease.hold("test", None)
    assert term is not None, "somebody else holds the lease"
    stamped = 0
    while batch := stamp(term):
        changes.tell_of(batch)
        stamped += len(batch)
    lease.release("test")
    return stamped


def number_changes() -> int:
    """Number what has no number yet, which renews keys; how many changes. The lease is free again afterwards."""
    term = lease.hold("test", None)
    assert term is not None, "somebody else holds the lease"
    numbered = 0
    while batch := changes.number(term)[0]:
        numbered += batch
    lease.release("test")
    return numbered


def renew_keys(*channels: str) -> None:
    """Renew the keys of `channels`."""
    of_keys(channels)
    number_changes()


def fill(*channels: str, **fields) -> list[Notification]:
    """One stamped row for each of `channels`, in that order."""
    rows = [write(channel, **fields) for channel in channels]
    stamp_all()
    for row in rows:
        row.refresh_from_db()
    return rows
