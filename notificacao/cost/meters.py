"""Meter what Ably bills, by day: messages as they are settled, connections and channels as presence has them.

Nothing is metered twice: messages are counted in the transaction that settles their row, and time from where the last
sample ended, which is in the database.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from notificacao import audiences, eventlog, presence, rollout
from notificacao.database import clock
from notificacao.models import BreakerState, CanaryProbe, CostGovernor, CostMeter, Person

Kind = CostMeter.Kind
Key = tuple[str, str]  # (kind, priority)
KEPT = timedelta(days=400)  # 13 months
_LONGEST = 600  # seconds between two samples for which presence now is taken to have been so meanwhile
_TABLE = CostMeter._meta.db_table
_ADD = f"""
    INSERT INTO {_TABLE} (day, kind, priority, amount) VALUES {{rows}}
    ON CONFLICT (day, kind, priority) DO UPDATE SET amount = {_TABLE}.amount + excluded.amount
"""  # noqa: S608 – our table


class Sent(NamedTuple):
    """Hold a row that was settled; `billed` is how many messages its publishing counts for."""

    channel: str
    priority: str
    billed: int


def meter_messages(sent: Iterable[Sent], *, moved: bool = False) -> None:
    """Meter rows in the caller's transaction: each publish, and each delivery to the people who are on Ably now.

    With `moved` they went by SSE, and are what Ably would have billed.
    """
    sent = list(sent)
    people = presence.people_on_ably({one.channel for one in sent})
    used: Counter[Key] = Counter()
    for one in sent:
        delivered = one.billed * people.get(one.channel, 0)
        published_as, delivered_as = (Kind.MOVED, Kind.MOVED) if moved else (Kind.PUBLISHED, Kind.DELIVERED)
        used[published_as, one.priority] += one.billed
        used[delivered_as, one.priority] += delivered
    _add(timezone.localdate(clock.now()), used)


@dataclass(frozen=True)
class Seen:
    """Hold what there is at the moment `at`, by the database's clock: connections, channels, people on Ably."""

    at: datetime
    connections: int
    channels: int
    assigned: int
    probing: bool

    def used(self, seconds: int) -> dict[Key, int]:
        """Return what is used by so many seconds of it."""
        return {
            (Kind.CONNECTED, ""): self.connections * seconds,
            (Kind.CHANNELS, ""): self.channels * seconds,
            (Kind.PROBING, ""): self.probing * seconds,
            (Kind.ASSIGNED, ""): self.assigned * seconds,
            (Kind.METERED, ""): seconds,
        }


def look(now: datetime | None = None) -> Seen:
    """Look at presence and flag. A personal channel has one connection for each of its people.

    A channel counts once, however many listen.
    """
    now = now or eventlog.now()
    people = presence.people_on_ably()
    connections = sum(count for channel, count in people.items() if audiences.is_personal(channel))
    current = rollout.current()
    probing = current.configured and current.forced != BreakerState.Forced.OPEN
    return Seen(now, connections, len(people), _assigned(current), probing)


def sample(seen: Seen) -> None:
    """Meter what passed since the last sample, and the canary's probes, in the caller's transaction.

    The first sample only begins. After a longer gap than `_LONGEST` no more than that is metered.
    """
    CostGovernor.objects.get_or_create(pk=1)
    row = CostGovernor.objects.select_for_update().get(pk=1)
    probes = list(CanaryProbe.objects.filter(pk__gt=row.probed_to).order_by("pk").values_list("pk", "round_trip_ms"))
    if row.sampled_at is None:
        row.sampled_at = seen.at
    else:
        passed = max(0, int((seen.at - row.sampled_at).total_seconds()))
        heard = sum(round_trip is not None for _, round_trip in probes)
        used = seen.used(min(passed, _LONGEST)) | {(Kind.PROBES, ""): len(probes) + heard}
        _add(timezone.localdate(seen.at), used)
        row.sampled_at += timedelta(seconds=passed)  # whole seconds: the rest is the next sample's
    row.probed_to = probes[-1][0] if probes else row.probed_to
    row.assigned = seen.assigned
    row.save(update_fields=["sampled_at", "probed_to", "assigned"])


def _assigned(current: rollout.Rollout) -> int:
    """Return how many active people belong on Ably by the flag, whether they have a page open or not."""
    if current.off:
        return 0
    return len(current.assigned_of(Person.objects.filter(is_active=True).values_list("pk", flat=True)))


def _add(day: date, used: Mapping[Key, int]) -> None:
    """Add the amounts to the meters of `day`, in one statement and one order: nobody waits for another in a circle."""
    rows = [(str(kind), priority, amount) for (kind, priority), amount in sorted(used.items()) if amount]
    if not rows:
        return
    places = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
    on = connection.ops.adapt_datefield_value(day)
    values = [value for kind, priority, amount in rows for value in (on, kind, priority, amount)]
    with connection.cursor() as cursor:
        cursor.execute(_ADD.format(rows=places), values)


def metered(since: date, until: date) -> dict[date, dict[Key, int]]:
    """Return `{day: {(kind, priority): amount}}` of the days from `since` to `until` that have any."""
    found: dict[date, dict[Key, int]] = {}
    rows = CostMeter.objects.filter(day__range=(since, until)).order_by("day")
    for day, kind, priority, amount in rows.values_list("day", "kind", "priority", "amount"):
        found.setdefault(day, {})[kind, priority] = amount
    return found


def forget_the_old() -> None:
    """Delete the meters of days older than `KEPT`."""
    CostMeter.objects.filter(day__lt=timezone.localdate(eventlog.now()) - KEPT).delete()
