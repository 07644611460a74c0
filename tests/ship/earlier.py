"""The version from which an upgrade has to be possible; a database that is full; what a migration locks."""

import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg

from tests.live.ably_server import ROOT
from tests.live.site import Tree
from tests.project.compatible import upgraded_from

ROWS = 1_000_000
MIGRATING = "semtas-migrate"
"""How the session that migrates calls itself (PGAPPNAME)."""

# In a channel of nobody, all of it seen by the one person who is there. Links that the triggers write would wait.
_FULL = [
    "SET session_replication_role = replica",
    "DELETE FROM notificacao_auditlink",
    "DELETE FROM notificacao_auditevent",
    "INSERT INTO notificacao_notification (public_id, event_id, channel, kind, priority, title, message, link, data, "
    "created_at, seq, prev_seq, stamped_at, dispatch_state, lease, attempts, error, settled_at) "
    "SELECT gen_random_uuid(), gen_random_uuid(), 'unit:NINGUEM', 'sistema', 'normal', 'Algo', 'Há algo.', '', '{}', "
    "now(), n, n - 1, now(), 'skipped', '', 0, '', now() FROM generate_series(1, %(rows)s) AS n",
    "INSERT INTO notificacao_channel (name, head, key_epoch) VALUES ('unit:NINGUEM', %(rows)s, 1)",
    "UPDATE notificacao_loghead SET seq = %(rows)s",
    "INSERT INTO notificacao_receipt (person_id, notification_id, delivered_at, transport, latency_ms) "
    "SELECT person.id, row.id, now(), 'sse', 20 FROM notificacao_person AS person, notificacao_notification AS row",
    "INSERT INTO notificacao_auditevent (at, action, who, reason, data) "
    "SELECT now(), 'token_issued', 'ninguem', '', '{}' FROM generate_series(1, %(rows)s)",
    "INSERT INTO notificacao_auditlink (event_id, position, hash) "
    "SELECT id, row_number() OVER (ORDER BY id), repeat('0', 64) FROM notificacao_auditevent",
]
_TABLES = "notification", "receipt", "auditevent", "auditlink"
_STRONG = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")  # these hold up whoever writes
_LOOK_EVERY = 0.02  # seconds


def checked_out(folder: Path) -> Tree:
    """Return the version of `deploy/upgrade-from` in `folder`, with a Python of its own where its lock is another."""
    commit, _ = upgraded_from()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    assert archive.returncode == 0, f"{archive.stderr.decode()}A shallow clone lacks it: git fetch --unshallow"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    if (folder / "requirements.txt").read_bytes() == (ROOT / "requirements.txt").read_bytes():
        return Tree(folder, sys.executable)
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
    python = folder / ".venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", folder / "requirements.txt"]
    subprocess.run(install, check=True)
    return Tree(folder, python)


def fill(database: str) -> None:
    """Put a million rows each into the tables that grow."""
    with psycopg.connect(database) as connection:
        for statement in _FULL:
            connection.execute(statement, {"rows": ROWS} if "%(" in statement else None)
    with psycopg.connect(database, autocommit=True) as connection:
        for table in _TABLES:
            connection.execute(f"ANALYZE notificacao_{table}")


class Watch(AbstractContextManager):
    """Watch what the session named MIGRATING locks: seconds that others waited for it, and that it held up writers.

    Its own wait counts where it asks for a lock that holds up writers, since whoever comes meanwhile waits behind it.
    The build of an index that waits for older transactions to end is in nobody's way, and may take its time.
    """

    def __init__(self, database: str):
        self.waited = 0.0
        self.held = 0.0
        self.looks = 0
        self._database = database
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        since: dict[tuple, float] = {}
        with psycopg.connect(self._database, autocommit=True) as connection:
            while not self._over.wait(_LOOK_EVERY):
                self.looks += 1
                (waited,) = connection.execute(_WAITED, [MIGRATING, list(_STRONG)]).fetchone()
                self.waited = max(self.waited, waited)
                for now, *lock in connection.execute(_HELD, [MIGRATING, list(_STRONG), list(self._known)]).fetchall():
                    self.held = max(self.held, now - since.setdefault(tuple(lock), now))

    def __enter__(self) -> "Watch":
        with psycopg.connect(self._database) as connection:
            self._known = [oid for (oid,) in connection.execute("SELECT oid FROM pg_class WHERE relkind = 'r'")]
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()


_MIGRATORS = "SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name = %s"
_WAITED = (
    f"WITH migrating AS ({_MIGRATORS}) "
    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)::float FROM pg_locks, migrating "
    "WHERE NOT granted AND (pid = ANY (array_agg) AND locktype = 'relation' AND mode = ANY (%s) "
    "OR pg_blocking_pids(pid) && array_agg)"
)
_HELD = (
    f"WITH migrating AS ({_MIGRATORS}) "
    "SELECT extract(epoch FROM clock_timestamp())::float, pid, virtualtransaction, relation FROM pg_locks, migrating "
    "WHERE granted AND locktype = 'relation' AND pid = ANY (array_agg) AND mode = ANY (%s) AND relation = ANY (%s)"
)
