"""Count what one or many people have not read, in one statement that looks only beyond their marks."""

import json
from collections.abc import Iterable, Iterator, Mapping

from django.db import connection

from notificacao import audiences
from notificacao.database import NOW_BESIDE_VALUES, ask
from notificacao.models import Notification, Person, ReadMark, Receipt

_BATCH = 2_000  # channels asked for in one statement
_NO_END = 2**63 - 1

# `again` has the rows that are not the first of their event that the person may see: only the first counts, as in the
# inbox. `heard` has the channels that each person may see, and up to where they have read each; `marked` what they
# marked as not read: looked up by itself, since it is little, and PostgreSQL would come to it by all that the person
# ever received.
_UNREAD = """
WITH asked (person_id, channel, since) AS ({asked}),
heard AS (
    SELECT asked.person_id, asked.channel, asked.since,
        CASE WHEN m.seq > asked.since THEN m.seq ELSE asked.since END AS mark
    FROM asked
    LEFT JOIN {mark} m ON m.person_id = asked.person_id AND m.channel = asked.channel
),
marked AS MATERIALIZED (
    SELECT r.person_id, n.channel, n.seq, n.event_id, n.public_id
    FROM {receipt} r
    JOIN {notification} n ON n.id = r.notification_id
    WHERE r.person_id IN (SELECT person_id FROM heard) AND NOT r.read AND r.archived_at IS NULL
    AND n.seq <= %s AND (n.expires_at IS NULL OR n.expires_at > {now})
),
unread AS (
    SELECT heard.person_id, n.seq, n.event_id, n.public_id
    FROM heard
    JOIN {notification} n ON n.channel = heard.channel AND n.seq > heard.mark AND n.seq <= %s
    LEFT JOIN {receipt} r ON r.notification_id = n.id AND r.person_id = heard.person_id
    WHERE (n.expires_at IS NULL OR n.expires_at > {now}) AND r.archived_at IS NULL AND NOT COALESCE(r.read, FALSE)
    UNION ALL
    SELECT heard.person_id, marked.seq, marked.event_id, marked.public_id
    FROM heard
    JOIN marked ON marked.person_id = heard.person_id AND marked.channel = heard.channel
    WHERE marked.seq > heard.since AND marked.seq <= heard.mark
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
# The rows are few parameters, however many they are: either database has a bound on those.
_ASKED = {
    "postgresql": "SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[])",
    "sqlite": "SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(%s)",
}


def unread(heard: Mapping[int, Mapping[str, int]], up_to: int = _NO_END) -> dict[int, int]:
    """Return `{person pk: events not read}` for `{person pk: {channel: since}}`.

    What is expired or archived does not count, nor does a row after the seq `up_to`. Only what lies beyond the marks is
    looked at, through the index on channel and seq.
    """
    up_to = min(up_to, _NO_END)  # a cursor may name a seq that SQLite has no place for
    counted = dict.fromkeys(heard, 0)
    rows = ((pk, channel, since) for pk, channels in heard.items() for channel, since in channels.items())
    for batch in _batches(rows):
        for pk, count in _count(batch, up_to):
            counted[pk] += count
    return counted


def _batches(rows: Iterator[tuple]) -> Iterator[list[tuple]]:
    """Yield the rows in batches of whole people: an event that came by two channels counts once in one statement."""
    batch: list[tuple] = []
    for row in rows:
        if len(batch) >= _BATCH and row[0] != batch[-1][0]:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _count(batch: list[tuple], up_to: int) -> list[tuple[int, int]]:
    statement = _UNREAD.format(
        asked=_ASKED[connection.vendor],
        now=NOW_BESIDE_VALUES[connection.vendor],
        notification=Notification._meta.db_table,
        receipt=Receipt._meta.db_table,
        mark=ReadMark._meta.db_table,
    )
    columns = [list(column) for column in zip(*batch, strict=True)]
    asked = columns if connection.vendor == "postgresql" else [json.dumps(batch)]
    return ask(statement, [*asked, up_to, up_to])


def marks_of(person_pks: Iterable[int]) -> dict[tuple[int, str], int]:
    """Return `{(person pk, channel): seq up to which the person has read}`."""
    marks = ReadMark.objects.filter(person_id__in=list(person_pks)).values_list("person_id", "channel", "seq")
    return {(pk, channel): seq for pk, channel, seq in marks}


def unread_of(person: Person) -> int:
    """Return how many events `person` has not read."""
    return unread(audiences.channels_of([person.pk])).get(person.pk, 0)
