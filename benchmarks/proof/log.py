"""Read the log that a load was written into, once it has come to rest."""

import sys
import time
from dataclasses import dataclass
from datetime import datetime

from tests.faults.history import Row

STAMPED_WITHIN = 120.0  # seconds


@dataclass(frozen=True)
class Written:
    """A row of the log, with when it was asked for, None where it is not of this load."""

    row: Row
    asked_at: float | None
    priority: str
    stamped_at: datetime | None


def last() -> int:
    from notificacao import eventlog

    return eventlog.head().seq


def heads() -> dict[str, int]:
    from notificacao.models import Channel

    return dict(Channel.objects.values_list("name", "head"))


def wait_until_stamped() -> None:
    _wait_for_none(seq=None)


def wait_until_settled() -> None:
    _wait_for_none(dispatch_state="pending")


def _wait_for_none(**of: object) -> None:
    from notificacao.models import Notification

    deadline = time.monotonic() + STAMPED_WITHIN
    while Notification.objects.filter(**of).exists():
        if time.monotonic() > deadline:
            return  # the checker names each row that has no place
        time.sleep(0.05)


def written_since(before: int) -> list[Written]:
    """Return all rows after the seq `before`, and those that have no place yet."""
    from django.db.models import Q

    from notificacao.models import Notification

    columns = ("public_id", "event_id", "channel", "seq", "prev_seq", "link", "priority", "stamped_at")
    rows = Notification.objects.filter(Q(seq__gt=before) | Q(seq=None)).values_list(*columns)
    return [
        Written(
            Row(str(row), str(event), sys.intern(channel), seq=seq, prev_seq=prev_seq),
            int(link[1:]) / 1e9 if link[1:].isdigit() else None,
            priority,
            stamped_at,
        )
        for row, event, channel, seq, prev_seq, link, priority, stamped_at in rows.iterator(5_000)
    ]
