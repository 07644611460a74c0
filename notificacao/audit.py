"""The one way to write the audit trail."""

import threading
import time
from typing import Any

from notificacao.models import AuditEvent

_FOLD = 60.0  # seconds
_KEPT = 1_000  # refusals told apart


def record(action: str, *, who: str = "", ip: str | None = None, reason: str = "", **data: Any) -> None:
    """Write one event, in the caller's transaction. `data` is small: never a secret, never a notification's text."""
    AuditEvent.objects.create(action=action, who=who, ip=ip or None, reason=reason, data=data)


class Refusals:
    """Refusals, without letting anybody fill the disk: what is refused again alike within a minute is counted, and the
    count goes with the next one that is written. `{(who, ip, reason): [written at, refused since]}`, of this process.
    """

    def __init__(self, action: str):
        self._action = action
        self._lately: dict[tuple, list] = {}
        self._lock = threading.Lock()

    def record(self, *, who: str, ip: str | None, reason: str) -> None:
        now = time.monotonic()
        alike = (who, ip, reason)
        with self._lock:
            written_at, since = self._lately.get(alike, (-_FOLD, 0))
            if now - written_at < _FOLD:
                self._lately[alike] = [written_at, since + 1]
                return
            self._lately.pop(alike, None)
            self._lately[alike] = [now, 0]
            if len(self._lately) > _KEPT:
                self._lately.pop(next(iter(self._lately)))
        record(self._action, who=who, ip=ip, reason=reason, **({"alike_before": since} if since else {}))
