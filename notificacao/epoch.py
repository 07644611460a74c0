"""Renew the log's epoch where the database was set back.

An epoch is a random word in each cursor. After a restore the same seqs are given again, to other rows; so a cursor of
another epoch is answered with a resync.
"""

import structlog
from django.db import NotSupportedError, ProgrammingError, connection, transaction

from notificacao import eventlog, wakes
from notificacao.database import ask, wakeful
from notificacao.eventlog import Cursor
from notificacao.models import LogHead
from notificacao.models.log import random_epoch

logger = structlog.get_logger(__name__)

_TABLE = "SELECT %s::regclass::oid::text"
# The timeline is that of the write position: pg_control_checkpoint() shows a promotion only after its first checkpoint.
_TABLE_IN_ITS_CLUSTER = """
    SELECT concat_ws('/', system_identifier, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), %s::regclass::oid)
    FROM pg_control_system()
"""


def home() -> str:
    """Return where the log lives: PostgreSQL's system identifier, timeline, and the table's own number.

    A restored dump, a restored cluster and a promoted standby each differ in one of them. Empty on SQLite, which has
    nothing of the kind.
    """
    if connection.vendor != "postgresql":
        return ""
    try:
        return _ask(_TABLE_IN_ITS_CLUSTER)
    except (ProgrammingError, NotSupportedError):  # the role lacks the right, or the service has no such function
        return _ask(_TABLE)


def _ask(question: str) -> str:
    """Return what `question` answers about the log's table; a failure rolls back this question alone."""
    with transaction.atomic():
        return ask(question, [LogHead._meta.db_table])[0][0]


def renew(reason: str) -> tuple[Cursor, Cursor]:
    """Give the log a new epoch, under its head's lock; return the positions before and after.

    Every page then fetches its list anew.
    """
    with wakeful():
        head = LogHead.objects.select_for_update().get(pk=1)
        before = Cursor.of(head)
        head.epoch, head.home = random_epoch(), home()
        head.save(update_fields=["epoch", "home"])
        wakes.after_commit(wakes.HUBS)
        wakes.after_commit(wakes.DISPATCHER)
    logger.warning("log_epoch_renewed", reason=reason, before=str(before), after=str(Cursor.of(head)))
    return before, Cursor.of(head)


class LogResetDetector:
    """Detect, in one dispatcher, that the database was set back while it ran."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}  # epoch → highest seq, committed

    def saw(self, position: Cursor) -> None:
        """Note a committed position of the log."""
        self._seen[position.epoch] = max(position.seq, self._seen.get(position.epoch, 0))

    def look(self, leads: bool) -> None:
        """Look at the log, once a round; with `leads` renew the epoch where the log was set back or has moved."""
        head = eventlog.head()
        if leads and not self.renew_if_set_back(head):
            self._renew_if_moved(head)
        self.saw(Cursor.of(head))

    def renew_if_set_back(self, head: LogHead) -> bool:
        """Renew the epoch where `head` is behind what was seen of its epoch; return whether it was.

        `head` then gets its new epoch.
        """
        seen = self._seen.get(head.epoch, 0)
        if head.seq >= seen:
            return False
        _, after = renew(f"the database was set back: the log was at {head.epoch}.{seen}, and is at {head}")
        head.epoch = after.epoch
        return True

    def _renew_if_moved(self, head: LogHead) -> None:
        """Renew the epoch where the log lives elsewhere than it did; note where it lives the first time."""
        here = home()
        if not head.home:
            LogHead.objects.filter(pk=1, home="").update(home=here)
        elif here and here != head.home:
            renew(f"the database was restored or failed over: the log lived at {head.home}, and lives at {here}")
