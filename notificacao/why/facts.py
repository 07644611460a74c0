"""Gather what is known of one notification and one person, as it was then."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q

from notificacao import audiences, capability, eventlog
from notificacao.conf import conf
from notificacao.models import (
    Alert,
    AuditEvent,
    ConnectionSpan,
    Notification,
    Person,
    Receipt,
    RolloutFlag,
    RolloutSpan,
)

# Alerts that say why a notification came late or not at all; a key that ends, say, delays nobody's.
ABOUT_DELIVERY = ("BreakerOpen", "CanarySilent", "NobodyLeads", "UnstampedRowsWait", "RedisAway", "SignaturesRefused")
AROUND = timedelta(hours=1)  # refusals, tokens and alerts that may have to do with it
_MOST = 50  # of each kind of row
_SLACK = timedelta(seconds=10)  # presence is told every five seconds


class Audience(StrEnum):
    """Say whether the notification was for the person."""

    IN = "in"  # and they may see it still
    LEFT_AFTER = "left_after"  # they may not see it any more
    LEFT_BEFORE = "left_before"
    JOINED_LATER = "joined_later"
    NEVER = "never"

    @property
    def had_it(self) -> bool:
        """Tell whether it was for them when it began to be delivered."""
        return self in (Audience.IN, Audience.LEFT_AFTER)


@dataclass(frozen=True)
class Facts:
    """Hold all that a verdict needs. Spans, tokens, refusals and alerts are those around the stamp, in their order.

    `assigned` is whether the rollout put the person on Ably at the stamp, None where that is not known; `breaker` is
    the breaker's state then. `came_at` is when they first had a page open after it, None where they have not yet.
    """

    row: Notification
    person: Person
    recipient: str
    now: datetime
    audience: Audience
    since: datetime | None = None
    ended_at: datetime | None = None
    receipt: Receipt | None = None
    read: bool = False
    spans: list[ConnectionSpan] = field(default_factory=list)
    came_at: datetime | None = None
    assigned: bool | None = None
    percent: float | None = None
    breaker: str = ""
    too_many_channels: bool = False
    tokens: list[AuditEvent] = field(default_factory=list)
    refusals: list[AuditEvent] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    sampled: bool = False

    @property
    def moment(self) -> datetime:
        """Return when the notification began to be delivered, or was written where it still waits."""
        return self.row.stamped_at or self.row.created_at

    @property
    def connected(self) -> list[ConnectionSpan]:
        """Return the spans that were open at that moment, give or take what presence takes to tell."""
        return [
            span
            for span in self.spans
            if span.since <= self.moment + _SLACK and (span.until is None or span.until >= self.moment)
        ]

    @property
    def expired(self) -> bool:
        return self.row.expires_at is not None and self.row.expires_at <= self.now


def gather(row: Notification, person: Person) -> Facts:
    """Return the facts about `row` and `person`, in a fixed number of queries.

    Of whom it was not for, no connection, token or refusal is told: that explains nothing, and whoever may see the row
    of one unit would learn by it what somebody does in another.
    """
    moment = row.stamped_at or row.created_at
    around = Q(at__gte=moment - AROUND, at__lte=moment + AROUND)
    events = AuditEvent.objects.filter(around, who=person.public_id).order_by("pk")
    refused = (AuditEvent.Action.TOKEN_REFUSED, AuditEvent.Action.STREAM_REFUSED)
    receipt = Receipt.objects.filter(person=person, notification=row).first()
    rollout = RolloutSpan.objects.filter(since__lte=moment).order_by("-pk").first()
    channels = audiences.channels_of([person.pk]).get(person.pk, {})
    audience, since, ended_at = _audience(row, person, channels, receipt)
    spans = person.connection_spans.filter(Q(until__gte=moment - AROUND) | Q(until=None), since__lte=moment + AROUND)
    if not audience.had_it:
        spans, events, rollout = spans.none(), events.none(), None
    return Facts(
        row=row,
        person=person,
        recipient=audiences.names_of([row.channel])[row.channel],
        now=eventlog.now(),
        audience=audience,
        since=since,
        ended_at=ended_at,
        receipt=receipt,
        read=_has_read(row, person, receipt),
        spans=list(spans.order_by("since")[:_MOST]),
        came_at=_came_at(person, moment) if audience.had_it else None,
        assigned=_assigned(rollout, person),
        percent=float(rollout.percent) if rollout else None,
        breaker=rollout.breaker if rollout else "",
        too_many_channels=not capability.fits(channels),
        tokens=list(events.filter(action=AuditEvent.Action.TOKEN_ISSUED)[:_MOST]),
        refusals=list(events.filter(action__in=refused)[:_MOST]),
        alerts=list(_alerts(moment)),
        sampled=not audiences.is_personal(row.channel) and conf.RECEIPT_SHARED_SAMPLE < 1,
    )


def _audience(row, person, channels, receipt) -> tuple[Audience, datetime | None, datetime | None]:
    """Return whether `row` was for `person`, since when they hear its channel, and when they ceased to."""
    anywhere, there, units = audiences.opened_by(row.channel)
    held = person.memberships.filter(Q(role__in=anywhere) | Q(role__in=there, unit__public_id__in=units))
    since = held.order_by("pk").values_list("created_at", flat=True).first()
    opened = Q(role__in=anywhere) | Q(role__in=there, unit_public_id__in=units)
    ended = list(person.ended_memberships.filter(opened).order_by("-pk")[:_MOST])
    ended_at = ended[0].ended_at if ended else None
    began = channels.get(row.channel)
    if began is not None and (row.seq is None or began < row.seq):
        return Audience.IN, since, None
    if row.seq is not None and any(one.since < row.seq <= one.to_seq for one in ended):
        return Audience.LEFT_AFTER, None, ended_at
    if receipt is not None and receipt.delivered_at:
        return Audience.LEFT_AFTER, since, ended_at
    if began is not None:
        return Audience.JOINED_LATER, since, ended_at
    return (Audience.LEFT_BEFORE, None, ended_at) if ended else (Audience.NEVER, None, None)


def _has_read(row: Notification, person: Person, receipt: Receipt | None) -> bool:
    if receipt is not None and receipt.read is not None:
        return receipt.read
    mark = person.read_marks.filter(channel=row.channel).values_list("seq", flat=True).first()
    return row.seq is not None and mark is not None and row.seq <= mark


def _came_at(person: Person, moment: datetime) -> datetime | None:
    """Return when the person first had a page open from `moment` on, as far back as spans are kept."""
    spans = person.connection_spans.filter(Q(until__gte=moment) | Q(until=None)).order_by("since")
    began = spans.values_list("since", flat=True).first()
    return None if began is None else max(began, moment)


def _assigned(rollout: RolloutSpan | None, person: Person) -> bool | None:
    if rollout is None:
        return None
    flag = RolloutFlag(everyone=rollout.everyone, percent=rollout.percent, salt=rollout.salt)
    return rollout.configured and flag.includes(person.pk)


def _alerts(moment: datetime):
    still = Q(closed_at=None) | Q(closed_at__gte=moment - _SLACK)
    rows = Alert.objects.filter(still, opened_at__lte=moment + AROUND, name__in=ABOUT_DELIVERY)
    return rows.order_by("opened_at")[:_MOST]
