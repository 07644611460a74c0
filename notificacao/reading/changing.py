"""Change a person's reading state. Each act returns the person's new unread count."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models.functions import Now

from notificacao import audiences, changes, eventlog
from notificacao.database import in_one_transaction
from notificacao.eventlog import Cursor
from notificacao.models import Notification, Person, ReadMark, Receipt
from notificacao.reading.counting import marks_of, unread_of
from notificacao.reading.looking import Reader


def mark_read(person: Person, public_id: uuid.UUID) -> int:
    """Mark as read, and return the new unread count. Raises NotFound."""
    return _write(person, public_id, read=True, read_at=Now())


def mark_unread(person: Person, public_id: uuid.UUID) -> int:
    """Mark as not read, and return the new unread count. Raises NotFound."""
    return _write(person, public_id, read=False, read_at=None)


def archive(person: Person, public_id: uuid.UUID) -> int:
    """Take out of the inbox and out of the count, and return the new unread count. Raises NotFound."""
    return _write(person, public_id, archived_at=Now())


@in_one_transaction
def unarchive(person: Person, public_id: uuid.UUID) -> int:
    """Bring back into the inbox, and return the new unread count. Raises NotFound.

    What had left by its age comes back as not read: as read it would leave again at once.
    """
    person.lock()
    reader = Reader(person)
    (first,) = reader.entries(reader.event_of(public_id)[:1])
    fields = {"read": False, "read_at": None} if first.aged else {}
    return _write(person, public_id, archived_at=None, **fields)


def acknowledge(person: Person, public_id: uuid.UUID) -> int:
    """Record a formal acknowledgement (ciência), mark as read, and return the new unread count. Raises NotFound."""
    now = Now()
    return _write(person, public_id, read=True, read_at=now, formally_acknowledged_at=now)


def _write(person: Person, public_id: uuid.UUID, **fields) -> int:
    _write_receipts(person, Reader(person).event_of(public_id), fields)
    return unread_of(person)


@in_one_transaction
def _write_receipts(person: Person, rows: Iterable[Notification], fields: Mapping[str, Any]) -> None:
    person.lock()
    Receipt.objects.bulk_create(
        [Receipt(person=person, notification=row, **fields) for row in rows],
        update_conflicts=True,
        unique_fields=["person", "notification"],
        update_fields=list(fields),
    )
    changes.of_reading(person.pk)


def mark_all_read(person: Person, up_to: Cursor) -> int:
    """Mark all up to `up_to` as read in each of the person's channels, and return the new unread count.

    Raises ResyncNeeded where `up_to` is of another epoch.
    """
    eventlog.check(up_to)
    _move_marks(person, audiences.channels_of([person.pk]).get(person.pk, {}), up_to.seq)
    return unread_of(person)


@in_one_transaction
def _move_marks(person: Person, channels: Iterable[str], up_to: int) -> None:
    """Move the mark of each channel to `up_to`, unless it is further already; what was kept unread is read."""
    person.lock()
    marks = marks_of([person.pk])
    ReadMark.objects.bulk_create(
        [
            ReadMark(person=person, channel=channel, seq=max(up_to, marks.get((person.pk, channel), 0)))
            for channel in channels
        ],
        update_conflicts=True,
        unique_fields=["person", "channel"],
        update_fields=["seq"],
    )
    kept_unread = Receipt.objects.filter(person=person, read=False, notification__seq__lte=up_to)
    kept_unread.update(read=True, read_at=Now())
    changes.of_reading(person.pk)
