"""The log's epoch: a word for one life of the log, renewed where the database was set back. Cursors of another life
are answered with a resync: after a restore the same seqs are given again, to other rows.
"""

import structlog
from django.db import NotSupportedError, ProgrammingError, connection, transaction

from notificacao import eventlog, wakes
from notificacao.eventlog import Cursor
from notificacao.models import LogHead
from notificacao.models.log import random_epoch

logger = structlog.get_logger(__name__)

_TABLE = "SELECT %s::regclass::oid::text"
# The timeline as it is written now: pg_control_checkpoint() tells of a promotion only after its first checkpoint.
_TABLE_IN_ITS_CLUSTER = """
    SELECT concat_ws('/', system_identifier, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), %s::regclass::oid)
    FROM pg_control_system()
"""


def home() -> str:
    """Where the log lives: PostgreSQL's system identifier, timeline, and the table's own number; a restored dump, a
    restored cluster and a promoted standby each differ in one of them. Empty on SQLite, which knows nothing the like.
    """
    if connection.vendor != "postgresql":
        return ""
    try:
        return _ask(_TABLE_IN_ITS_CLUSTER)
    except (ProgrammingError, NotSupportedError):  # a role without the right, or a service that has no such function
        return _ask(_TABLE)


def _ask(question: str) -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(question, [LogHead._meta.db_table])
        return cursor.fetchone()[0]


def renew(reason: str) -> tuple[Cursor, Cursor]:
    """Give the log a new epoch, under its head's lock; the positions before and after. Every page fetches anew."""
    with transaction.atomic():
        head = LogHead.objects.select_for_update().get(pk=1)
        before = Cursor.of(head)
        head.epoch, head.home = random_epoch(), home()
        head.save(update_fields=["epoch", "home"])
        wakes.after_commit(wakes.HUBS)
        wakes.after_commit(wakes.DISPATCHER)
    logger.warning("log_epoch_renewed", reason=reason, before=str(before), after=str(Cursor.of(head)))
    return before, Cursor.of(head)


class LogResetDetector:
    """What one dispatcher has seen of the log: it notices when the database was set back under its feet."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}  # epoch → highest seq, committed

    def saw(self, position: Cursor) -> None:
        self._seen[position.epoch] = max(position.seq, self._seen.get(position.epoch, 0))

    def look(self, leads: bool) -> None:
        """Once a round. Whoever leads renews the epoch where the log was set back, or has moved meanwhile."""
        head = eventlog.head()
        if leads and not self.renew_if_set_back(head):
            self._renew_if_moved(head)
        self.saw(Cursor.of(head))

    def renew_if_set_back(self, head: LogHead) -> bool:
        """Whether `head` was behind what this witness saw of its epoch; then `head` is told its new one."""
        seen = self._seen.get(head.epoch, 0)
        if head.seq >= seen:
            return False
        _, after = renew(f"the database was set back: the log was at {head.epoch}.{seen}, and is at {head}")
        head.epoch = after.epoch
        return True

    def _renew_if_moved(self, head: LogHead) -> None:
        here = home()
        if not head.home:
            LogHead.objects.filter(pk=1, home="").update(home=here)
        elif here and here != head.home:
            renew(f"the database was restored or failed over: the log lived at {head.home}, and lives at {here}")
