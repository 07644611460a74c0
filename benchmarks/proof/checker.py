"""Hold what every client got against what was committed: lost, twice, foreign, how late."""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.proof.clients import Came
from benchmarks.proof.loaded import PATIENCE, WITH_STANDBY, Asked, Harm, Loaded, Produced, quantile
from benchmarks.proof.log import Written
from benchmarks.proof.meter import Weighed
from benchmarks.proof.town import Person
from tests.faults import history
from tests.faults.history import Client, Fault, Hearing, Row


def judge(
    asked: Asked,
    written: Sequence[Written],
    came: Came,
    people: Sequence[Person],
    heads: Mapping[str, int],
    *,
    weighed: Weighed,
    produced: Produced,
    unstamped_after: float,
    since: int,
) -> Loaded:
    """Hold `came` against `written`; everything of both is at hand, nothing is asked."""
    by_name = {person.name: person for person in people}
    rows = [each.row for each in written]
    clients = [_client(by_name[name], kind, arrivals, since) for (name, kind), arrivals in came.arrivals.items()]
    harm = Harm.of(history.check(rows, clients, now=time.time(), heads=heads))
    harm.add(Harm.of(_in_browsers(came, rows, by_name, since)))
    by_id = {each.row.id: each for each in written}
    began = {each.row.event_id: _counted_from(each, asked, produced) for each in written if each.asked_at is not None}
    delays: dict[str, list[float]] = defaultdict(list)
    by_priority: dict[str, list[float]] = defaultdict(list)
    timed: list[tuple[float, float]] = []
    prompt: set[tuple[str, str, str]] = set()
    by_standby = 0
    for (name, kind), arrivals in came.arrivals.items():
        by_ably: set[str] = set()
        for one in arrivals:
            found = by_id.get(one.id)
            if found is None or found.asked_at is None:
                continue
            delay = 1_000 * (one.at - began[found.row.event_id])
            if one.path is history.Path.ABLY and one.event_id not in by_ably:
                by_ably.add(one.event_id)
                delays["ably"].append(delay)
            if one.shown:
                delays[WITH_STANDBY if kind == "ably" else kind].append(delay)
                by_priority[found.priority].append(delay)
                timed.append((found.asked_at, delay))
                by_standby += kind == "ably" and one.path is history.Path.STANDBY
                if delay <= 1_000 * PATIENCE and found.row.channel in by_name[name].hears:
                    prompt.add((name, kind, found.row.event_id))
    asked_at = sorted(each.asked_at for each in written if each.asked_at is not None)
    by_channel = Counter(row.channel for row in rows)
    owed = sum(by_channel[hearing.channel] for client in clients for hearing in client.hearings)
    harm.checked = owed
    in_browsers = [
        1_000 * (at - began[event]) for placed in came.placed.values() for event, at in placed if event in began
    ]
    harm.by_one_path = len(delays.get("sse", ())) + len(in_browsers)
    span = max(asked.seconds, produced.until)
    return Loaded(
        asked=asked,
        rows=len(asked_at),
        owed=owed,
        late=owed - len(prompt),
        delays=dict(delays),
        by_priority=dict(by_priority),
        browsers=in_browsers,
        harm=harm,
        # Where the last one has its place within a second, the log kept up with the producers.
        rate=len(asked_at) / (span + (unstamped_after if unstamped_after > 1 else 0)),
        series=_series(timed, asked_at),
        produced=len(asked_at) / span,
        behind=produced.behind,
        weighed=weighed,
        people=len(people),
        connected=min(weighed.connected, default=0),
        transports=came.transports,
        again=came.again,
        streams_reopened=came.reopened,
        refused=came.refused,
        by_standby=by_standby,
        unstamped_after=unstamped_after,
        read_after=max([0.0, *(at + delay / 1_000 - asked_at[-1] for at, delay in timed)]),
        calls_ms=[1_000 * call for call in produced.calls],
    )


def _client(person: Person, kind: str, arrivals: list, since: int) -> Client:
    """Return what a raw client saw; it believes nothing of its own completeness."""
    hearings = [Hearing(channel, max(since, their)) for channel, their in person.hears.items()]
    complete = dict.fromkeys(person.hears, sys.maxsize)
    return Client(f"{person.name}/{kind}", hearings=hearings, arrivals=arrivals, complete=complete)


def _in_browsers(came: Came, rows: Sequence[Row], people: Mapping[str, Person], since: int) -> Iterable[Fault]:
    """Yield what is wrong with what the pages in Chromium put into their lists."""
    of_event = {row.event_id: row for row in rows}
    for name, placed in came.placed.items():
        times = Counter(event for event, _ in placed if event in of_event)
        hears = people[name].hears
        for event, count in times.items():
            if count > 1:
                yield Fault("shown twice", f"{name}/chromium", event)
            if of_event[event].channel not in hears:
                yield Fault("seen by others", f"{name}/chromium", event)
        for row in rows:
            if row.channel in hears and row.seq and row.seq > since and row.event_id not in times:
                yield Fault("lost", f"{name}/chromium", f"{row.seq} of {row.channel}")


def _counted_from(written: Written, asked: Asked, produced: Produced) -> float:
    """Return the monotonic second from which a row's delay counts."""
    assert written.asked_at is not None
    late = produced.late.get(round(written.asked_at * 1e9), 0.0)
    return written.asked_at - late if asked.from_due else written.asked_at


def _series(timed: list[tuple[float, float]], asked_at: list[float]) -> list[tuple[float, float, float]]:
    """Return `(second, rows, p95 of their delays)` of each second in which something was asked for."""
    if not asked_at:
        return []
    began = asked_at[0]
    rows = Counter(int(at - began) for at in asked_at)
    delays: dict[int, list[float]] = defaultdict(list)
    for at, delay in timed:
        delays[int(at - began)].append(delay)
    return [(second, rows[second], quantile(delays[second], 0.95)) for second in sorted(rows) if delays[second]]
