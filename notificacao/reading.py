"""Reading state: what one person has read, archived, acknowledged, and how much is left.

*Read* is a watermark per person and channel (ReadMark) plus exceptions (Receipt.read): "mark all read" is one small
write, and a unit's notice makes no row per member. An event of several rows is read, and counted, as one.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, FilteredRelation, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from notificacao import audiences, log, wakes
from notificacao.conf import conf
from notificacao.log import Cursor
from notificacao.models import Notification, Person, ReadMark, Receipt

_BATCH = 2_000  # channels asked for in one statement


class NotFound(Exception):
    """No such notification, or not theirs: the two look alike."""


# --- Counting

# `again`: what is not the first row of its event that the person may see. As in the inbox, the first speaks for all.
_UNREAD = """
WITH heard (person_id, channel, since, mark) AS (VALUES {rows}),
unread AS (
    SELECT heard.person_id, n.seq, n.event_id, n.public_id
    FROM heard
    JOIN {notification} n ON n.channel = heard.channel AND n.seq > heard.mark
    LEFT JOIN {receipt} r ON r.notification_id = n.id AND r.person_id = heard.person_id
    WHERE (n.expires_at IS NULL OR n.expires_at > %s) AND r.archived_at IS NULL AND NOT COALESCE(r.read, FALSE)
    UNION ALL
    SELECT heard.person_id, n.seq, n.event_id, n.public_id
    FROM heard
    JOIN {receipt} r ON r.person_id = heard.person_id AND NOT r.read AND r.archived_at IS NULL
    JOIN {notification} n ON n.id = r.notification_id AND n.channel = heard.channel
    WHERE n.seq > heard.since AND n.seq <= heard.mark AND (n.expires_at IS NULL OR n.expires_at > %s)
),
again AS (
    SELECT unread.person_id, unread.seq
    FROM unread
    JOIN {notification} n ON n.event_id = unread.event_id AND n.seq < unread.seq
    JOIN heard ON heard.person_id = unread.person_id AND heard.channel = n.channel AND heard.since < n.seq
    WHERE unread.event_id <> unread.public_id
)
SELECT person_id, COUNT(*)
FROM (SELECT person_id, seq FROM unread EXCEPT SELECT person_id, seq FROM again) AS counted
GROUP BY person_id
"""
_HEARD_ROW = "(CAST(%s AS bigint), CAST(%s AS text), CAST(%s AS bigint), CAST(%s AS bigint))"


def unread(heard: Mapping[int, Mapping[str, int]]) -> dict[int, int]:
    """`{person pk: events not read}` for `{person pk: {channel: since}}`: not expired, not archived, each once.

    Only what lies beyond the marks is looked at, through the index on channel and seq.
    """
    counted = dict.fromkeys(heard, 0)
    marks = _marks(heard)
    rows = (
        (pk, channel, since, max(since, marks.get((pk, channel), 0)))
        for pk, channels in heard.items()
        for channel, since in channels.items()
    )
    for batch in _batches(rows):
        for pk, count in _count(batch):
            counted[pk] += count
    return counted


def _batches(rows: Iterator[tuple]) -> Iterator[list[tuple]]:
    """Whole people only: an event that came by two channels must be seen in one statement to count once."""
    batch: list[tuple] = []
    for row in rows:
        if len(batch) >= _BATCH and row[0] != batch[-1][0]:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _count(batch: list[tuple]) -> list[tuple[int, int]]:
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    statement = _UNREAD.format(
        rows=", ".join([_HEARD_ROW] * len(batch)),
        notification=Notification._meta.db_table,
        receipt=Receipt._meta.db_table,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in batch for value in row] + [now, now])
        return cursor.fetchall()


def _marks(person_pks: Iterable[int]) -> dict[tuple[int, str], int]:
    marks = ReadMark.objects.filter(person_id__in=list(person_pks)).values_list("person_id", "channel", "seq")
    return {(pk, channel): seq for pk, channel, seq in marks}


def unread_of(person: Person) -> int:
    """How many events `person` has not read."""
    return unread(audiences.channels_of([person.pk])).get(person.pk, 0)


# --- Looking


@dataclass(frozen=True)
class Entry:
    """A notification as it stands with one person."""

    row: Notification
    read: bool
    archived: bool
    acknowledged: bool


class Reader:
    """One person's view of the log: what they may see, and how far they have read it."""

    def __init__(self, person: Person):
        self.person = person
        self.channels: Mapping[str, int] = audiences.channels_of([person.pk]).get(person.pk, {})
        self._marks = {channel: seq for (_, channel), seq in _marks([person.pk]).items()}
        days = conf.ARCHIVE_READ_AFTER_DAYS
        self._aged = timezone.now() - timedelta(days=days) if days else None

    def inbox(
        self,
        *,
        kinds: Collection[str] = (),
        priorities: Collection[str] = (),
        channel: str = "",
        unread: bool = False,
        archived: bool = False,
    ) -> QuerySet[Notification]:
        """Their notifications, each event once, to be ordered and paged by seq."""
        heard = {name: since for name, since in self.channels.items() if channel in ("", name)}
        rows = self._with_receipt(log.permitted(heard)).filter(self._is_archived() if archived else self._is_kept())
        earlier = log.permitted(heard).filter(event_id=OuterRef("event_id"), seq__lt=OuterRef("seq"))
        rows = rows.filter(Q(event_id=F("public_id")) | ~Exists(earlier))
        if kinds:
            rows = rows.filter(kind__in=kinds)
        if priorities:
            rows = rows.filter(priority__in=priorities)
        return rows.filter(self._is_unread()) if unread else rows

    def entries(self, rows: Iterable[Notification]) -> list[Entry]:
        """`rows` with this person's reading state, in one query."""
        rows = list(rows)
        receipts = {
            receipt.notification_id: receipt
            for receipt in Receipt.objects.filter(person=self.person, notification__in=[row.pk for row in rows])
        }
        return [self._entry(row, receipts.get(row.pk)) for row in rows]

    def _entry(self, row: Notification, receipt: Receipt | None) -> Entry:
        assert row.seq is not None
        read = receipt.read if receipt and receipt.read is not None else row.seq <= self._mark(row.channel)
        return Entry(
            row,
            read=read,
            archived=bool(receipt and receipt.archived_at) or (read and self._is_aged(row)),
            acknowledged=bool(receipt and receipt.formally_acknowledged_at),
        )

    def _mark(self, channel: str) -> int:
        return max(self.channels.get(channel, 0), self._marks.get(channel, 0))

    def _is_aged(self, row: Notification) -> bool:
        return self._aged is not None and row.stamped_at is not None and row.stamped_at < self._aged

    def _is_kept(self) -> Q:
        """What is read leaves the inbox by its age, without a write for anybody."""
        kept = Q(receipt__archived_at__isnull=True)
        return kept & (Q(stamped_at__gte=self._aged) | self._is_unread()) if self._aged else kept

    def _is_archived(self) -> Q:
        archived = Q(receipt__archived_at__isnull=False)
        return archived | Q(self._is_read(), stamped_at__lt=self._aged) if self._aged else archived

    def _is_unread(self) -> Q:
        return Q(receipt__read=False) | Q(self._by_mark("seq__gt"), receipt__read__isnull=True)

    def _is_read(self) -> Q:
        return Q(receipt__read=True) | Q(self._by_mark("seq__lte"), receipt__read__isnull=True)

    def _by_mark(self, lookup: str) -> Q:
        found = Q(pk__in=[])
        channels_by_mark: dict[int, list[str]] = {}
        for channel in self.channels:
            channels_by_mark.setdefault(self._mark(channel), []).append(channel)
        for mark, channels in channels_by_mark.items():
            found |= Q(channel__in=channels, **{lookup: mark})
        return found

    def _with_receipt(self, rows: QuerySet[Notification]) -> QuerySet[Notification]:
        return rows.annotate(receipt=FilteredRelation("receipts", condition=Q(receipts__person=self.person)))

    def event_of(self, public_id: uuid.UUID) -> list[Notification]:
        """The rows of that notification's event that they may see. Raises NotFound."""
        row = log.permitted(self.channels).filter(public_id=public_id).first()
        if row is None:
            raise NotFound(str(public_id))
        return list(log.permitted(self.channels).filter(event_id=row.event_id))


# --- Changing


def mark_read(person: Person, public_id: uuid.UUID) -> int:
    """Their new unread count. Raises NotFound."""
    return _write(person, public_id, read=True, read_at=timezone.now())


def mark_unread(person: Person, public_id: uuid.UUID) -> int:
    """Their new unread count. Raises NotFound."""
    return _write(person, public_id, read=False, read_at=None)


def archive(person: Person, public_id: uuid.UUID) -> int:
    """Out of the inbox, and out of the count. Their new unread count. Raises NotFound."""
    return _write(person, public_id, archived_at=timezone.now())


def acknowledge(person: Person, public_id: uuid.UUID) -> int:
    """Formal acknowledgement (ciência): read, and on record. Their new unread count. Raises NotFound."""
    now = timezone.now()
    return _write(person, public_id, read=True, read_at=now, formally_acknowledged_at=now)


def _write(person: Person, public_id: uuid.UUID, **fields) -> int:
    rows = Reader(person).event_of(public_id)
    with transaction.atomic():
        Receipt.objects.bulk_create(
            [Receipt(person=person, notification=row, **fields) for row in rows],
            update_conflicts=True,
            unique_fields=["person", "notification"],
            update_fields=list(fields),
        )
        _changed(person)
    return unread_of(person)


def mark_all_read(person: Person, up_to: Cursor) -> int:
    """Everything up to `up_to`, what they have seen, in each of their channels. Their new unread count.

    Raises ResyncNeeded where `up_to` is of another life of the log.
    """
    log.check(up_to)
    channels = audiences.channels_of([person.pk]).get(person.pk, {})
    with transaction.atomic():
        marks = _marks([person.pk])
        ReadMark.objects.bulk_create(
            [
                ReadMark(person=person, channel=channel, seq=max(up_to.seq, marks.get((person.pk, channel), 0)))
                for channel in channels
            ],
            update_conflicts=True,
            unique_fields=["person", "channel"],
            update_fields=["seq"],
        )
        kept_unread = Receipt.objects.filter(person=person, read=False, notification__seq__lte=up_to.seq)
        kept_unread.update(read=True, read_at=timezone.now())
        _changed(person)
    return unread_of(person)


def _changed(person: Person) -> None:
    """Have the hubs count again, and so tell the person's other tabs."""
    Person.objects.filter(pk=person.pk).update(reading_changed_at=Now())
    wakes.after_commit(wakes.HUBS)
