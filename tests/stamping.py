"""Give every committed row its place in the log, as the dispatcher does."""

from notificacao.dispatcher import lease
from notificacao.dispatcher.stamp import stamp
from notificacao.models import Notification
from tests.rows import write


def stamp_all() -> int:
    """Stamp what is not stamped yet; how many rows. The lease is free again afterwards."""
    term = lease.hold("test", None)
    assert term is not None, "somebody else holds the lease"
    stamped = 0
    while batch := stamp(term):
        stamped += batch
    lease.release("test")
    return stamped


def fill(*channels: str, **fields) -> list[Notification]:
    """One stamped row for each of `channels`, in that order."""
    rows = [write(channel, **fields) for channel in channels]
    stamp_all()
    for row in rows:
        row.refresh_from_db()
    return rows
