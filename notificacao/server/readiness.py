"""Judge whether this process is ready: the database is as this code needs it, and the work was done lately.

Nothing here writes. Whether the database takes writes is known of the process's own: the hub reports its presence, the
dispatcher renews its lease.
"""

import functools
import os
import time
from pathlib import Path
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from notificacao import alerts
from notificacao.conf import conf
from notificacao.database import outage
from notificacao.outages import Repeats
from notificacao.server.runtime import runtime
from notificacao.stream import presence_reporter
from semtas import __version__
from semtas.postgresql import deadline, reserve

logger = structlog.get_logger(__name__)

PATIENCE = 10.0  # seconds beyond its polls for which a loop may do without a round
WITHIN = 3.0  # seconds for which a health check waits for a statement
_START = 10.0  # seconds from a task's first check that fails, until it is told
_told = Repeats()
_failing_since: dict[str, float] = {}  # monotonic seconds, by task
_NEVER_FAILS = {"wakes"}  # with Redis away all comes, a poll later: it is told, and takes nobody off the balancer


def judge() -> dict[str, Any]:
    """Return `{"status": "ok" | "failing", "version": text, "checks": {name: bool}, "failing": [name],
    "last_round": {task: seconds}, "nobody_leads": bool | None}`.

    `last_round` says how long ago a round of each task succeeded, null where none did yet. The process's log says why a
    check of the database failed, and which task goes on failing; the answer never says why. `nobody_leads` is whether
    the alert of that name is open, None where the database does not say: it is told and fails nothing, since this
    process serves as well without a leader.
    """
    ages = runtime.rounds()
    last_round = {name: None if age is None else round(age, 1) for name, age in ages.items()}
    database, tasks = _database(), _tasks(ages)
    if database["database"]:
        _tell_of(tasks, last_round)
    else:  # they can do nothing, and that is told by itself
        _failing_since.clear()
    checks = database | tasks
    failing = [name for name, passed in checks.items() if not passed]
    return {
        "status": "failing" if failing else "ok",
        "version": __version__,
        "checks": checks,
        "failing": failing,
        "nobody_leads": _nobody_leads() if checks["migrations"] else None,
        "last_round": last_round,
    }


def _nobody_leads() -> bool | None:
    try:
        with reserve.meanwhile():
            return alerts.open_alerts().filter(name="NobodyLeads").exists()
    except (DatabaseError, InterfaceError):
        return None


def _tasks(ages: dict[str, float | None]) -> dict[str, bool]:
    """Return, of each task that is expected or runs, whether it is alive and did its work lately."""
    alive = runtime.status()
    names = dict.fromkeys([*runtime.expected(), *alive])
    return {name: alive.get(name, True) and _is_fresh(name, ages.get(name)) for name in names}


def _tell_of(tasks: dict[str, bool], last_round: dict[str, float | None]) -> None:
    """Log which tasks fail for longer than a start takes, though the database answers."""
    for name, passed in tasks.items():
        if passed:
            _failing_since.pop(name, None)
            continue
        since = _failing_since.setdefault(name, time.monotonic())
        if time.monotonic() - since > _START and (times := _told.due("late", name)):
            logger.warning("task_is_late", task=name, last_round=last_round.get(name), times=times)


def _is_fresh(name: str, age: float | None) -> bool:
    if name in _NEVER_FAILS:
        return True
    pause = presence_reporter.EVERY if name == "presence" else conf.DISPATCH_POLL
    return age is not None and age < 3 * pause + PATIENCE


def _database() -> dict[str, bool]:
    """Return whether the database answers, takes writes, and has all migrations of this code.

    Migrations that this code does not know are no fault: a rollback of the code finds them.
    """
    checks = dict.fromkeys(("database", "writable", "migrations"), False)
    try:
        with reserve.meanwhile(), deadline.within(WITHIN):
            checks["writable"] = _is_writable()
            checks["database"] = True
            checks["migrations"] = not _missing_migrations()
    except (DatabaseError, InterfaceError) as error:
        outage.failed(error)
    else:
        outage.answered()
    return checks


def _is_writable() -> bool:
    """Tell whether the database takes writes, as far as reading shows: a standby does not, nor a read-only file."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SHOW transaction_read_only")
            return cursor.fetchone()[0] == "off"
        cursor.execute("PRAGMA query_only")
        file = Path(connection.settings_dict["NAME"])
        return cursor.fetchone()[0] == 0 and all(os.access(path, os.W_OK) for path in (file, file.parent))


def _missing_migrations() -> set[tuple[str, str]]:
    """Return `(app, name)` of each migration of this code that the database lacks."""
    applied = MigrationRecorder(connection).applied_migrations().keys()
    missing = {
        key for key, replaced in _migrations().items() if key not in applied and not (replaced and replaced <= applied)
    }
    if missing and _told.due("migrations"):
        logger.warning("migrations_are_missing", migrations=sorted(map(".".join, missing)))
    return missing


@functools.cache
def _migrations() -> dict[tuple[str, str], frozenset[tuple[str, str]]]:
    """Return the migrations of this code, each with those that it replaces."""
    nodes = MigrationLoader(None).graph.nodes
    return {key: frozenset(migration.replaces) for key, migration in nodes.items() if migration is not None}
