"""Record refusals of access in the audit trail, equal ones folded by the minute, and count each for the alarm.

A flood of refusals is counted, and does not fill the disk.
"""

import threading
import time

import structlog
from django.db import DatabaseError, InterfaceError

from notificacao import alarm, audit
from notificacao.models import AuditEvent
from notificacao.outages import Repeats

logger = structlog.get_logger(__name__)

_FOLD = 60.0  # seconds
_KEPT = 1_000  # distinct refusals that are remembered


class Denials:
    """Record the refusals of one action of the audit trail, at most one a minute for each (who, ip, reason).

    A refusal that repeats one of the last 60 seconds is counted instead, and the count goes with the next one that is
    written. Each process counts its own, for at most 1,000 kinds of refusal.
    """

    def __init__(self, action: str):
        self._action = action
        self._lately: dict[tuple, list] = {}  # {(who, ip, reason): [written at, refused since]}
        self._lock = threading.Lock()
        self._unwritten = Repeats()

    def record(self, *, who: str, ip: str | None, reason: str) -> None:
        """Record a refusal of the person `who`, or of the address `ip` where `who` is empty.

        `reason` begins with a word that `alarm` knows; the rest says where. An error of the database is logged and not
        raised: the refusal stands, on record or not.
        """
        try:
            self._record(who, ip, reason[:100])
        except (DatabaseError, InterfaceError) as error:
            if times := self._unwritten.due(self._action):
                logger.warning("refusal_not_recorded", error=type(error).__name__, times=times)

    def _record(self, who: str, ip: str | None, reason: str) -> None:
        alike_before = self._note((who, ip, reason))
        if alike_before is not None:
            data = {"alike_before": alike_before} if alike_before else {}
            audit.record(self._action, who=who, ip=ip, reason=reason, **data)
        alarm.count(who=who, ip=ip, reason=reason)

    def _note(self, alike: tuple) -> int | None:
        """Return how many equal refusals went unwritten since the last written one; None where this one does too."""
        now = time.monotonic()
        with self._lock:
            written_at, since = self._lately.get(alike, (-_FOLD, 0))
            if now - written_at < _FOLD:
                self._lately[alike] = [written_at, since + 1]
                return None
            self._lately.pop(alike, None)
            self._lately[alike] = [now, 0]
            if len(self._lately) > _KEPT:
                self._lately.pop(next(iter(self._lately)))
            return since


_access = Denials(AuditEvent.Action.ACCESS_DENIED)


def put_on_record(request, code: str) -> None:
    """Record that a request for a call or a page was refused with `code`, and which view it was for."""
    where = request.resolver_match.view_name if request.resolver_match else ""
    who = getattr(request.user, "public_id", "")
    _access.record(who=who, ip=audit.address_of(request), reason=f"{code} {where}".strip())
