"""Keep presence: who has a stream open on which channel, reported by each web process and read by staff.

A process writes every few seconds that it is alive, and of its channels only what changed. Its reports count
as long as it is alive, by the database's clock.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Now

from notificacao import audiences, eventlog
from notificacao.conf import conf
from notificacao.database import FROM_NOW, ask, in_one_transaction, placeholders
from notificacao.models import ActiveChannel, AuditEvent, Connection, ConnectionSpan, Person, WebProcess

LIVES_FOR = timedelta(seconds=30)  # a process that wrote nothing for this long is not alive

# By hand, since each write of outcomes asks it, as `reported_by_live_processes` does.
_ON_ABLY = f"""
    SELECT channel, sum(on_ably)
    FROM {ActiveChannel._meta.db_table} AS told JOIN {WebProcess._meta.db_table} AS process ON name = process_id
    WHERE on_ably > 0 AND seen_at >= {{since}} {{of}} GROUP BY channel
"""  # noqa: S608 – the tables' own names


class Pages(NamedTuple):
    """Hold how many pages are open by lane, and the kinds of browsers in which they are."""

    live: int
    standby: int
    browsers: str = ""


class Count(NamedTuple):
    """Hold the people of one process who are subscribed to a channel; a person with a page in standby is on Ably."""

    on_sse: int
    on_ably: int


def record_process(process: str) -> bool:
    """Record that `process` is alive.

    False where it was deleted meanwhile, with all that it reported: it has to report everything again.
    """
    reported = WebProcess.objects.filter(pk=process).update(seen_at=Now())
    if not reported:
        WebProcess.objects.create(pk=process)
    return bool(reported)


def write_counts(process: str, counts: Mapping[str, Count], moved: Iterable[str]) -> None:
    """Write `counts` of some channels of `process`; for those in `moved` a new `since` begins."""
    rows = {
        name: ActiveChannel(process_id=process, channel=name, on_sse=count.on_sse, on_ably=count.on_ably, since=Now())
        for name, count in counts.items()
    }
    fields = ["on_sse", "on_ably"]
    moved = set(moved)
    for names, update in ((moved & rows.keys(), [*fields, "since"]), (rows.keys() - moved, fields)):
        ActiveChannel.objects.bulk_create(
            [rows[name] for name in names],
            update_conflicts=True,
            unique_fields=["process", "channel"],
            update_fields=update,
        )


def drop(process: str, channels: Iterable[str]) -> None:
    """Delete `channels` of `process`."""
    ActiveChannel.objects.filter(process=process, channel__in=list(channels)).delete()


@in_one_transaction
def write_connections(process: str, people: Mapping[int, Pages]) -> None:
    """Write who has which pages open at `process`, by the person's pk; `since` stays where they had one already.

    Who was deleted meanwhile is left out. What they had open until now stays as a span.
    """
    there = list(Person.objects.filter(pk__in=list(people)).values_list("pk", flat=True))
    _end_spans(process, there)
    ConnectionSpan.objects.bulk_create(
        [ConnectionSpan(process=process, person_id=pk, since=Now(), **people[pk]._asdict()) for pk in there]
    )
    Connection.objects.bulk_create(
        [Connection(process_id=process, person_id=pk, **people[pk]._asdict()) for pk in there],
        update_conflicts=True,
        unique_fields=["process", "person"],
        update_fields=["live", "standby", "browsers"],
    )


def drop_connections(process: str, person_pks: Iterable[int]) -> None:
    """Delete the connections of these people at `process`; they stay as spans."""
    person_pks = list(person_pks)
    _end_spans(process, person_pks)
    Connection.objects.filter(process=process, person__in=person_pks).delete()


def delete_silent_processes() -> None:
    """Delete the processes that are no longer alive, with what they reported."""
    silent = WebProcess.objects.filter(seen_at__lt=Now() - LIVES_FOR)
    for name, seen_at in silent.values_list("name", "seen_at"):
        ConnectionSpan.objects.filter(process=name, until=None).update(until=seen_at)
    silent.delete()


def _end_spans(process: str, person_pks: Iterable[int]) -> None:
    ConnectionSpan.objects.filter(process=process, person__in=person_pks, until=None).update(until=Now())


@dataclass(frozen=True)
class ChannelPresence:
    """Hold one channel over all processes.

    `on_sse` are people with a page in the live lane, `on_ably` people with one on Ably, `tokens` people with a token in
    force. `since` is when the first of them came; with none of them, when the last one left.
    """

    channel: str
    on_sse: int
    on_ably: int
    tokens: int
    since: datetime

    @property
    def subscribers(self) -> int:
        """Return how many people are subscribed; one with a token and an open page counts once, as most have both."""
        return max(self.on_sse + self.on_ably, self.tokens)


def active_channels(after: str = "") -> list[ChannelPresence]:
    """Return the channels whose name comes after `after`, by name.

    A person with pages at two processes counts at both.
    """
    reported: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in reported_by_live_processes().values("channel", "on_sse", "on_ably", "since"):
        reported[row["channel"]].append(row)
    tokens = _tokens_in_force()
    names = sorted(name for name in reported.keys() | tokens.keys() if name > after)
    return [_sum(name, reported[name], tokens.get(name, {})) for name in names]


def count_on_ably() -> int:
    """Return how many channels have somebody on Ably."""
    return reported_by_live_processes().filter(on_ably__gt=0).values("channel").distinct().count()


def people_on_ably(channels: Iterable[str] | None = None) -> dict[str, int]:
    """Return `{channel: people on Ably}` of those of `channels`, or of all, that have any.

    A person with pages at two processes counts at both.
    """
    named = None if channels is None else list(channels)
    if named == []:
        return {}
    of = "" if named is None else f"AND channel IN ({placeholders(named)})"
    statement = _ON_ABLY.format(since=FROM_NOW[connection.vendor], of=of)
    return dict(ask(statement, [-LIVES_FOR.total_seconds(), *(named or ())]))


def reported_by_live_processes() -> QuerySet[ActiveChannel]:
    """Return the counts of the processes that are alive."""
    return ActiveChannel.objects.filter(process__seen_at__gte=Now() - LIVES_FOR)


def connections() -> QuerySet[Connection]:
    """Return the connections at the processes that are alive."""
    return Connection.objects.filter(process__seen_at__gte=Now() - LIVES_FOR)


def people_connected() -> Count:
    """Return how many people have a page open; who has pages at two processes counts at both."""
    everybody = reported_by_live_processes().filter(channel=audiences.SYSTEM_CHANNEL)
    return Count(**everybody.aggregate(on_sse=Sum("on_sse", default=0), on_ably=Sum("on_ably", default=0)))


def pages_open() -> Pages:
    """Return how many pages are open."""
    return Pages(**connections().aggregate(live=Sum("live", default=0), standby=Sum("standby", default=0)))


def _tokens_in_force() -> dict[str, dict[str, datetime]]:
    """Return `{channel: {who: first issued}}` of the tokens that have not expired, from the audit trail."""
    now = eventlog.now()
    issued = AuditEvent.objects.filter(
        Q(action=AuditEvent.Action.TOKEN_ISSUED), at__gt=now - timedelta(seconds=conf.ABLY_TOKEN_TTL)
    )
    tokens: dict[str, dict[str, datetime]] = defaultdict(dict)
    for who, at, data in issued.order_by("at").values_list("who", "at", "data"):
        for channel in data.get("channels", ()) if data.get("expires_at", 0) > now.timestamp() else ():
            tokens[channel].setdefault(who, at)
    return tokens


def _sum(name: str, reported: list[Mapping[str, Any]], tokens: Mapping[str, datetime]) -> ChannelPresence:
    """Add up one channel's counts and tokens."""
    on_sse, on_ably = (sum(row[lane] for row in reported) for lane in ("on_sse", "on_ably"))
    listening = [row["since"] for row in reported if row["on_sse"] or row["on_ably"]]
    since = min([*listening, *tokens.values()], default=None) or max(row["since"] for row in reported)
    return ChannelPresence(name, on_sse, on_ably, len(tokens), since)


def owners_of(channels: Iterable[str]) -> dict[str, str]:
    """Return `{channel: its owner's name}`, in words for staff."""
    names = {channel: str(owner) for channel, owner in audiences.owners(channels).items()}
    return names | {audiences.SYSTEM_CHANNEL: "Todos"}
