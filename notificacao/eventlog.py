"""Read the log of notifications: cursors, heads, and the rows that lie after a cursor."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Exists, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from notificacao import places
from notificacao.database import NOW, at_once, clock
from notificacao.models import Channel, LogHead, Notification

_CURSOR = re.compile(r"([0-9a-f]{1,16})\.(0|[1-9][0-9]{0,18})")


class InvalidCursor(ValueError):
    """Report a text that is not `epoch.seq`."""


class ResyncNeeded(Exception):
    """Report a cursor from which the log cannot answer: of another epoch, beyond the head, or trimmed.

    `position` is the log's own, `reason` one of `metrics.RESYNC_REASONS`.
    """

    def __init__(self, position: "Cursor", reason: str):
        super().__init__(f"resync from {position}: {reason}")
        self.position = position
        self.reason = reason


@dataclass(frozen=True)
class Cursor:
    """Name a place in the log: a client that has all rows up to `seq` lacks those after it."""

    epoch: str
    seq: int

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read `epoch.seq`. Raises InvalidCursor."""
        match = _CURSOR.fullmatch(text)
        if not match:
            raise InvalidCursor(
                _("%(text)r não é um cursor: use epoch.seq, tal como veio da sessão ou do fluxo.") % {"text": text[:40]}
            )
        return cls(match[1], int(match[2]))

    @classmethod
    def of(cls, head: LogHead) -> "Cursor":
        """Return the place where the log ends."""
        return cls(head.epoch, head.seq)

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}"


def place_of(row: Notification, epoch: str) -> Cursor:
    """Return the place of a stamped `row` in the log."""
    assert row.seq is not None
    return Cursor(epoch, row.seq)


def head() -> LogHead:
    """Return the log's own state, now; note the database's time.

    It is asked for often, so it is SQL that Django does not have to compile first.
    """
    columns = f"id, epoch, seq, trimmed_to, changes, home, {NOW[connection.vendor]}"
    (((*row, now),),) = at_once(f"SELECT {columns} FROM {LogHead._meta.db_table} WHERE id = 1")  # noqa: S608
    clock.note(now)
    return LogHead(*row)


def position() -> Cursor:
    """Return the place where the log ends, now."""
    return Cursor.of(head())


def answers(head: LogHead, cursor: Cursor) -> bool:
    """Tell whether the log holds all that lies after `cursor`: of its own epoch, not beyond its head, not trimmed."""
    return cursor.epoch == head.epoch and head.trimmed_to <= cursor.seq <= head.seq


def why_resync(end: Cursor, cursor: Cursor) -> str:
    """Return why the log that ends at `end` cannot answer from `cursor`, one of `metrics.RESYNC_REASONS`."""
    if cursor.epoch != end.epoch:
        return "epoch"
    return "ahead" if cursor.seq > end.seq else "trimmed"


def check(cursor: Cursor) -> Cursor:
    """Return the log's end, if the log holds all that lies after `cursor`. Raises ResyncNeeded."""
    now = head()
    if not answers(now, cursor):
        raise ResyncNeeded(Cursor.of(now), why_resync(Cursor.of(now), cursor))
    return Cursor.of(now)


def now() -> datetime:
    """Return the time by the database's clock, which all processes share."""
    now = LogHead.objects.annotate(now=Now()).values_list("now", flat=True).get(pk=1)
    clock.note(now)
    return now


def heads(channels: Mapping[str, int]) -> dict[str, int]:
    """Return `{channel: last seq}` for each of `channels`, 0 where nothing was ever stamped."""
    known = dict(Channel.objects.filter(places.is_one_of("pk", channels)).values_list("pk", "head"))
    return {name: known.get(name, 0) for name in channels}


def permitted(channels: Mapping[str, int]) -> QuerySet[Notification]:
    """Return the stamped, unexpired rows that a person with `channels` (`{name: since}`) may see."""
    fresh = Q(expires_at=None) | Q(expires_at__gt=Now())
    return Notification.objects.filter(places.by_place(channels, "seq__gt"), fresh, seq__isnull=False)


@dataclass(frozen=True)
class Page:
    """Hold ascending rows; all that is permitted up to `complete_to` is in this page or before it."""

    rows: list[Notification]
    complete_to: Cursor
    more: bool


def read_after(cursor: Cursor, channels: Mapping[str, int], limit: int, up_to: Cursor | None = None) -> Page:
    """Return at most `limit` permitted rows after `cursor`, none beyond `up_to` or the head. Raises ResyncNeeded.

    `channels` is `{name: since}`. The head is read before the rows: seq is given under one lock, so all up to it is
    visible by then.
    """
    head = check(cursor)
    if up_to is not None and up_to.epoch == head.epoch and up_to.seq < head.seq:
        head = up_to
    # One statement reads this and the rows: a trim or a restore between two would leave a hole that nobody sees.
    whole = LogHead.objects.filter(pk=1, epoch=cursor.epoch, trimmed_to__lte=cursor.seq, seq__gte=cursor.seq)
    wanted = permitted(channels).filter(Exists(whole), seq__gt=cursor.seq, seq__lte=head.seq).order_by("seq")
    rows = list(wanted[: limit + 1])
    if not rows:
        check(cursor)
    if len(rows) > limit:
        rows = rows[:limit]
        return Page(rows, place_of(rows[-1], head.epoch), more=True)
    return Page(rows, head, more=False)
