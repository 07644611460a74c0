"""Count what became of each channel's notifications in the last 24 hours."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from notificacao import audiences, eventlog
from notificacao.conf import conf
from notificacao.figures import counting
from notificacao.models import DispatchState, Notification, Receipt
from notificacao.presence import ChannelPresence

LENGTH = timedelta(hours=24)
MOST = 100_000  # rows of the log that are looked through, the newest
_NAMES = 500  # channels in one statement


@dataclass
class Outcome:
    """Hold counts of one channel: `missing` are rows without any receipt, null where that cannot be known.

    It is known of rows at which somebody had a page open from the stamp on, and receipts of which are all kept.
    """

    published: int = 0
    failed: int = 0
    skipped: int = 0
    missing: int | None = None

    @property
    def errors(self) -> float | None:
        """Return the percent that failed at Ably or has no receipt; None where nothing was sent."""
        sent = self.published + self.failed + self.skipped
        return 100 * min(sent, self.failed + (self.missing or 0)) / sent if sent else None


def outcomes(channels: Collection[ChannelPresence]) -> tuple[dict[str, Outcome], bool]:
    """Return `{channel: outcome}`, and whether the log of 24 hours is longer than the MOST rows that were counted."""
    now = eventlog.now()
    head = eventlog.head().seq
    begins = counting.seq_before(now - LENGTH)
    found = {one.channel: Outcome() for one in channels}
    recent = Notification.objects.filter(seq__gt=max(begins, head - MOST), stamped_at__gte=now - LENGTH)
    for names in _in_parts(found):
        _count(recent.filter(channel__in=names), found)
    _count_missing(recent, channels, found, now)
    before = Notification.objects.filter(seq__lte=head - MOST).order_by("-seq").values_list("stamped_at", flat=True)
    last_left_out = before.first() if begins < head - MOST else None
    return found, last_left_out is not None and last_left_out >= now - LENGTH


def _in_parts(names: Collection[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while some := list(islice(rest, _NAMES)):
        yield some


def _count(rows: QuerySet[Notification], found: dict[str, Outcome]) -> None:
    by_state = rows.order_by().values_list("channel", "dispatch_state").annotate(count=Count("pk"))
    for channel, state, count in by_state:
        if state != DispatchState.PENDING:
            setattr(found[channel], state, count)


def _count_missing(
    recent: QuerySet[Notification], channels: Collection[ChannelPresence], found: dict[str, Outcome], now: datetime
) -> None:
    """Count the rows without a receipt, of channels to which somebody is subscribed now, since they are."""
    since = {one.channel: one.since for one in channels if one.on_sse or one.on_ably}
    known = {name: began for name, began in since.items() if _keeps_receipts(name)}
    for name in known:
        found[name].missing = 0
    fresh = Q(expires_at=None) | Q(expires_at__gt=now)
    received = Receipt.objects.filter(notification=OuterRef("pk"), delivered_at__isnull=False)
    unheard = recent.filter(~Exists(received), fresh, stamped_at__lte=now - counting.RIPE_AFTER)
    for names in _in_parts(known):
        for channel, stamped_at in unheard.filter(channel__in=names).values_list("channel", "stamped_at"):
            if stamped_at and stamped_at >= known[channel]:
                found[channel].missing = (found[channel].missing or 0) + 1


def _keeps_receipts(channel: str) -> bool:
    return audiences.is_personal(channel) or conf.RECEIPT_SHARED_SAMPLE == 1
