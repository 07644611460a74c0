"""Read what one person sees: the notifications of their channels, with the person's reading state."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, FilteredRelation, OuterRef, Q, QuerySet

from notificacao import audiences, eventlog, places
from notificacao.conf import conf
from notificacao.models import Notification, Person, Receipt
from notificacao.reading import search
from notificacao.reading.counting import marks_of
from notificacao.reading.filters import Filter

EVERYTHING = Filter()


class NotFound(Exception):
    """Tell that there is no such notification, or that the person may not see it: the two look alike."""


@dataclass(frozen=True)
class Entry:
    """Hold a row with one person's reading state. `aged`: read, and so old that it left the inbox by itself."""

    row: Notification
    read: bool
    archived: bool
    aged: bool
    acknowledged_at: datetime | None

    @property
    def acknowledged(self) -> bool:
        return self.acknowledged_at is not None

    @property
    def asks_for_acknowledgement(self) -> bool:
        return self.row.asks_for_acknowledgement


class Reader:
    """Read the log for one person: what they may see, and how far they have read it.

    It keeps the channels and marks of the moment when it was made.
    """

    def __init__(self, person: Person):
        self.person = person
        self.channels: Mapping[str, int] = audiences.channels_of([person.pk]).get(person.pk, {})
        self._marks = {channel: seq for (_, channel), seq in marks_of([person.pk]).items()}
        days = conf.ARCHIVE_READ_AFTER_DAYS
        self._aged = eventlog.now() - timedelta(days=days) if days else None

    def inbox(self, wanted: Filter = EVERYTHING) -> QuerySet[Notification]:
        """Return the person's notifications that `wanted` asks for, each event once, for ordering and paging by seq."""
        heard = {name: since for name, since in self.channels.items() if wanted.channel in ("", name)}
        rows = self._with_receipt(eventlog.permitted(heard))
        rows = rows.filter(self._is_archived() if wanted.archived else self._is_kept())
        earlier = eventlog.permitted(heard).filter(event_id=OuterRef("event_id"), seq__lt=OuterRef("seq"))
        rows = rows.filter(Q(event_id=F("public_id")) | ~Exists(earlier))
        if wanted.kinds:
            rows = rows.filter(kind__in=wanted.kinds)
        if wanted.priorities:
            rows = rows.filter(priority__in=wanted.priorities)
        if wanted.unread:
            rows = rows.filter(self._is_unread())
        return search.narrow(rows, wanted.search, heard) if wanted.search else rows

    def entries(self, rows: Iterable[Notification]) -> list[Entry]:
        """Return an entry for each of `rows`, with this person's reading state, in one query."""
        rows = list(rows)
        receipts = {
            receipt.notification_id: receipt
            for receipt in Receipt.objects.filter(person=self.person, notification__in=[row.pk for row in rows])
        }
        return [self._entry(row, receipts.get(row.pk)) for row in rows]

    def _entry(self, row: Notification, receipt: Receipt | None) -> Entry:
        assert row.seq is not None
        read = receipt.read if receipt and receipt.read is not None else row.seq <= self._mark(row.channel)
        aged = read and self._is_aged(row)
        return Entry(
            row,
            read=read,
            archived=bool(receipt and receipt.archived_at) or aged,
            aged=aged,
            acknowledged_at=receipt.formally_acknowledged_at if receipt else None,
        )

    def _mark(self, channel: str) -> int:
        return max(self.channels.get(channel, 0), self._marks.get(channel, 0))

    def _is_aged(self, row: Notification) -> bool:
        return self._aged is not None and row.stamped_at is not None and row.stamped_at < self._aged

    def _is_kept(self) -> Q:
        """Return the condition for the inbox: what is read leaves it by its age, without a write."""
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
        return places.by_place({channel: self._mark(channel) for channel in self.channels}, lookup)

    def _with_receipt(self, rows: QuerySet[Notification]) -> QuerySet[Notification]:
        return rows.annotate(receipt=FilteredRelation("receipts", condition=Q(receipts__person=self.person)))

    def event_of(self, public_id: uuid.UUID) -> list[Notification]:
        """Return the rows of that notification's event that the person may see, by seq. Raises NotFound."""
        row = eventlog.permitted(self.channels).filter(public_id=public_id).first()
        if row is None:
            raise NotFound(str(public_id))
        return list(eventlog.permitted(self.channels).filter(event_id=row.event_id).order_by("seq"))
