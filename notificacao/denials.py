"""Refusals on record: who was kept out of what, folded by the minute. Who is refused again and again is told of."""

import threading
import time

import structlog
from django.db import DatabaseError, InterfaceError

from notificacao import alarm, audit
from notificacao.models import AuditEvent

logger = structlog.get_logger(__name__)

_FOLD = 60.0  # seconds
_KEPT = 1_000  # refusals told apart


class Denials:
    """Refusals, without letting anybody fill the disk: what is refused again alike within a minute is counted, and the
    count goes with the next one that is written. `{(who, ip, reason): [written at, refused since]}`, of this process.
    """

    def __init__(self, action: str):
        self._action = action
        self._lately: dict[tuple, list] = {}
        self._lock = threading.Lock()

    def record(self, *, who: str, ip: str | None, reason: str) -> None:
        """`reason` begins with a word that `alarm` knows; the rest says where. It stands, on record or not."""
        try:
            self._record(who, ip, reason[:100])
        except (DatabaseError, InterfaceError) as error:
            logger.warning("refusal_not_recorded", error=type(error).__name__)

    def _record(self, who: str, ip: str | None, reason: str) -> None:
        alike_before = self._note((who, ip, reason))
        if alike_before is not None:
            data = {"alike_before": alike_before} if alike_before else {}
            audit.record(self._action, who=who, ip=ip, reason=reason, **data)
        alarm.count(who=who, ip=ip, reason=reason)

    def _note(self, alike: tuple) -> int | None:
        """How many like it were not written since the last that was; None where this one is not written either."""
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
    """A call or a page that was refused: `code`, and which one it was."""
    where = request.resolver_match.view_name if request.resolver_match else ""
    who = getattr(request.user, "public_id", "")
    _access.record(who=who, ip=audit.address_of(request), reason=f"{code} {where}".strip())
