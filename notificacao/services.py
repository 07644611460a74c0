"""Send notifications: `notify()` and `notify_many()` check them and write them, in the caller's own transaction."""

from collections.abc import Iterable
from typing import Any

from notificacao import audiences, tracing, wakes
from notificacao.content import InactiveUnit, InvalidNotification, Notice
from notificacao.database import reconnected_after_a_break
from notificacao.models import Notification, Person, Producer
from notificacao.models.notification import uuid7


def notify(channels: Iterable[str], *, created_by: Person | None = None, **fields: Any) -> list[Notification]:
    """Send one event to `channels`, names built by `audiences`; return one row for each, not stamped yet.

    `fields` are those of `content.Notice`: title, message, kind, priority, link, data, expires_at.
    Nothing is sent before the caller's transaction commits, and nothing at all if it rolls back.
    Raises InvalidNotification.
    """
    return notify_many([Notice.of(channels=tuple(channels), **fields)], created_by=created_by)


def notify_many(
    notices: Iterable[Notice], *, created_by: Person | None = None, producer: Producer | None = None
) -> list[Notification]:
    """Send many events with one INSERT and one wake; return their rows. Raises InvalidNotification; then none is sent.

    The rows are in the order of the notices, and of the channels of each. One row is its own transaction where the
    caller has none: a BEGIN and a COMMIT beside it would be two more round trips.
    """
    notices = list(notices)
    with reconnected_after_a_break():
        return _write(notices, created_by=created_by, producer=producer)


def _write(notices: list[Notice], **sender: Any) -> list[Notification]:
    _check({channel for notice in notices for channel in notice.channels})
    rows = [row for notice in notices for row in _rows(notice, **sender)]
    with tracing.creating(rows):
        if len(rows) == 1:
            rows[0].save(force_insert=True)  # its signal wakes the dispatcher
        else:
            Notification.objects.bulk_create(rows)
            wakes.after_commit(wakes.DISPATCHER)
    return rows


def _check(channels: set[str]) -> None:
    """Check that each channel belongs to somebody, and to no unit that is inactive.

    Raises InvalidNotification, and of that InactiveUnit.
    """
    unknown, inactive = audiences.closed(channels)
    if unknown:
        raise InvalidNotification({"channels": f"canal desconhecido: {', '.join(sorted(unknown))}"})
    if inactive:
        codes = ", ".join(sorted(unit.code for unit in inactive))
        raise InactiveUnit({"channels": f"unidade inativa, que não recebe notificações: {codes}"})


def _rows(notice: Notice, **sender: Any) -> list[Notification]:
    """Return one row for each channel; an event of one row has the row's own id, an event of several a new id."""
    content = notice.model_dump(exclude={"channels"})
    if len(notice.channels) > 1:
        content["event_id"] = uuid7()
    return [Notification(channel=channel, **sender, **content) for channel in notice.channels]
