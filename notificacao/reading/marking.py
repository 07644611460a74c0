"""Mark as read what a list shows, all at once; count it before, and undo it after.

What is marked at once bears one moment, by which it is found again to be undone.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import F, QuerySet

from notificacao import changes, eventlog, places
from notificacao.database import in_one_transaction
from notificacao.eventlog import Cursor
from notificacao.models import Notification, Person, ReadMark, Receipt
from notificacao.reading.counting import marks_of, unread, unread_of
from notificacao.reading.filters import Filter
from notificacao.reading.looking import EVERYTHING, Reader

MOST = 5_000  # events of a list that a filter narrows, newest first, that one act marks
_BATCH = 500  # events in one statement


@dataclass(frozen=True)
class Marked:
    """Hold what one act marked: how many events, the person's new unread count, and the moment that undoes it."""

    unread: int
    marked: int
    undo: datetime


def count_unread(person: Person, up_to: Cursor, wanted: Filter = EVERYTHING) -> int:
    """Return how many unread events the list `wanted` has up to `up_to`, at most MOST where it is narrowed."""
    reader = Reader(person)
    if _is_inbox(wanted):
        return unread({person.pk: reader.channels}, up_to.seq)[person.pk]
    return _unread_of(reader, up_to, wanted).count()


def mark_all_read(person: Person, up_to: Cursor, wanted: Filter = EVERYTHING) -> Marked:
    """Mark as read what the list `wanted` has up to `up_to`, and nothing else.

    Raises ResyncNeeded where `up_to` is of another epoch.
    """
    eventlog.check(up_to)
    reader = Reader(person)
    at = eventlog.now()
    marked = _mark_inbox(reader, up_to, at) if _is_inbox(wanted) else _mark_list(reader, up_to, wanted, at)
    return Marked(unread_of(person), marked, at)


def parse_undo(text: str) -> datetime:
    """Read the moment of an act, as `Marked.undo` was told. Raises ValueError."""
    return as_undo(datetime.fromisoformat(text))


def as_undo(moment: datetime) -> datetime:
    """Return `moment` in UTC. Raises ValueError where it has no time zone, or lies beyond the years of a calendar."""
    if moment.tzinfo is None:
        raise ValueError("use um momento com fuso horário")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("use o momento tal como veio") from None


def undo_marking(person: Person, at: datetime) -> int:
    """Make unread again what one act marked at the moment `at`, and return the new unread count.

    What was read by another act since, or marked unread, stays as it is.
    """
    _undo(person, at)
    return unread_of(person)


@in_one_transaction
def _undo(person: Person, at: datetime) -> None:
    person.lock()
    ReadMark.objects.filter(person=person, raised_at=at).update(seq=F("before"), raised_at=None)
    Receipt.objects.filter(person=person, read=True, read_at=at).update(read=False, read_at=None)
    changes.of_reading(person.pk)


def _is_inbox(wanted: Filter) -> bool:
    """Tell whether the list has all that counts as unread."""
    return replace(wanted, unread=False) == EVERYTHING


@in_one_transaction
def _mark_inbox(reader: Reader, up_to: Cursor, at: datetime) -> int:
    """Raise the marks: one small write however much is unread. What is archived stays unread by an exception."""
    person = reader.person
    person.lock()
    marked = unread({person.pk: reader.channels}, up_to.seq)[person.pk]
    marks = marks_of([person.pk])
    before = {channel: marks.get((person.pk, channel), 0) for channel in reader.channels}
    mine = Receipt.objects.filter(person=person, notification__seq__lte=up_to.seq)
    raised = Notification.objects.filter(places.by_place(before, "seq__gt"))
    mine.filter(archived_at__isnull=False, read__isnull=True, notification__in=raised).update(read=False)
    ReadMark.objects.bulk_create(
        [
            ReadMark(person=person, channel=channel, seq=up_to.seq, before=mark, raised_at=at)
            for channel, mark in before.items()
            if mark < up_to.seq
        ],
        update_conflicts=True,
        unique_fields=["person", "channel"],
        update_fields=["seq", "before", "raised_at"],
    )
    mine.filter(archived_at__isnull=True, read=False).update(read=True, read_at=at)
    changes.of_reading(person.pk)
    return marked


@in_one_transaction
def _mark_list(reader: Reader, up_to: Cursor, wanted: Filter, at: datetime) -> int:
    """Mark each event of a narrowed list by itself, in all of its rows that the person may see."""
    events = list(_unread_of(reader, up_to, wanted).values_list("event_id", flat=True))
    reader.person.lock()
    for start in range(0, len(events), _BATCH):
        _mark_events(reader, events[start : start + _BATCH], at)
    changes.of_reading(reader.person.pk)
    return len(events)


def _mark_events(reader: Reader, events: list[UUID], at: datetime) -> None:
    """Mark all rows of `events` that the person may see and has not read by now."""
    rows = list(eventlog.permitted(reader.channels).filter(event_id__in=events).only("pk"))
    known = Receipt.objects.filter(person=reader.person, notification__in=rows, read=True)
    read = set(known.values_list("notification_id", flat=True))
    Receipt.objects.bulk_create(
        [Receipt(person=reader.person, notification=row, read=True, read_at=at) for row in rows if row.pk not in read],
        update_conflicts=True,
        unique_fields=["person", "notification"],
        update_fields=["read", "read_at"],
    )


def _unread_of(reader: Reader, up_to: Cursor, wanted: Filter) -> QuerySet[Notification]:
    rows = reader.inbox(replace(wanted, unread=True)).filter(seq__lte=up_to.seq)
    return rows.order_by("-seq")[:MOST]
