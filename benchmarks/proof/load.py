"""Put a load on the town, and hold what every client got against what was committed: lost, twice, foreign, how late."""

import json
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.proof import log
from benchmarks.proof.clients import Came, Clients
from benchmarks.proof.log import STAMPED_WITHIN, Written
from benchmarks.proof.meter import Meter, Weighed
from benchmarks.proof.town import Mix, Person, Town
from tests.faults import history
from tests.faults.history import Client, Fault, Hearing, Row

PATIENCE = 5.0  # seconds from which on what has not come counts as an error, though it may come yet
_FOREIGN = {"seen by others", "altered", "rolled back"}
_LOST = {"lost", "not stamped"}
_TWICE = {"shown twice", "seq given twice"}
_ORDER = {"out of order", "stamped out of order", "broken chain"}


@dataclass(frozen=True)
class Asked:
    """How a load is produced: `rate` rows a second in calls of `batch` rows, by so many producers, for `seconds`."""

    rate: float
    batch: int
    seconds: float
    producers: int = 1
    priorities: str = "normal"


@dataclass
class Harm:
    """How often what must never happen happened to `checked` deliveries; `examples` are what the checker said first."""

    lost: int = 0
    twice: int = 0
    foreign: int = 0
    disordered: int = 0
    checked: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def all(self) -> int:
        return self.lost + self.twice + self.foreign + self.disordered

    @property
    def any(self) -> bool:
        return bool(self.all)

    def add(self, other: "Harm") -> None:
        """Count the harm of both."""
        for what in ("lost", "twice", "foreign", "disordered", "checked"):
            setattr(self, what, getattr(self, what) + getattr(other, what))
        self.examples = (self.examples + other.examples)[:5]

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> "Harm":
        """Sort the checker's faults by what they do to people."""
        faults = list(faults)
        rules = Counter(fault.rule for fault in faults)

        def count(names: set[str]) -> int:
            return sum(rules.pop(name, 0) for name in names)

        examples = [str(fault) for fault in faults[:5]]
        harm = cls(lost=count(_LOST), twice=count(_TWICE), foreign=count(_FOREIGN), examples=examples)
        harm.disordered = rules.total()  # whatever else a rule says
        return harm


@dataclass
class Loaded:
    """What became of a load. Delays are milliseconds from the call that asked for a row to a client's read.

    `delays` by transport; `by_priority` of all; `series`: `(second, rows a second, p95)`; `late` came after PATIENCE or
    never, of `owed` deliveries; `unstamped_after`: seconds from the last call until the last row had its place.
    """

    asked: Asked
    rows: int
    owed: int
    late: int
    delays: dict[str, list[float]]
    by_priority: dict[str, list[float]]
    browsers: list[float]
    harm: Harm
    rate: float
    series: list[tuple[float, float, float]]
    weighed: Weighed
    connected: int
    pages: int
    streams_reopened: int
    refused: int
    by_standby: int
    unstamped_after: float
    calls_ms: list[float]

    @property
    def all_delays(self) -> list[float]:
        return [each for found in self.delays.values() for each in found]

    @property
    def deliveries(self) -> int:
        return sum(map(len, self.delays.values()))


def put(town: Town, clients: Clients, asked: Asked, mix: Mix) -> Loaded:
    """Open the clients, produce, wait until all is quiet, and judge."""
    hearers = [*clients.on_sse, *clients.on_ably]
    with clients:
        before, heads = log.last(), log.heads()
        with Meter(town.pids, [f"{site.url}/health/ready" for site in town.webs]) as weighed:
            calls = _produce(town, hearers, asked, mix)
            ended = time.monotonic()
            log.wait_until_stamped()
            unstamped_after = time.monotonic() - ended
        log.wait_until_settled()
        clients.wait_until_quiet()
        came = clients.leave()
    return judge(
        asked, log.written_since(before), came, hearers, heads,
        weighed=weighed, calls=calls, unstamped_after=unstamped_after, since=before,
    )  # fmt: skip


def judge(
    asked: Asked,
    written: Sequence[Written],
    came: Came,
    people: Sequence[Person],
    heads: Mapping[str, int],
    *,
    weighed: Weighed,
    calls: list[float],
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
    delays: dict[str, list[float]] = defaultdict(list)
    by_priority: dict[str, list[float]] = defaultdict(list)
    timed: list[tuple[float, float]] = []
    by_standby = 0
    for (_, kind), arrivals in came.arrivals.items():
        for one in arrivals:
            found = by_id.get(one.id)
            if one.shown and found and found.asked_at is not None:
                delay = 1_000 * (one.at - found.asked_at)
                delays[kind].append(delay)
                by_priority[found.priority].append(delay)
                timed.append((found.asked_at, delay))
                by_standby += kind == "ably" and one.path is history.Path.STANDBY
    asked_at = sorted(each.asked_at for each in written if each.asked_at is not None)
    by_channel = Counter(row.channel for row in rows)
    owed = sum(by_channel[hearing.channel] for client in clients for hearing in client.hearings)
    harm.checked = owed
    prompt = sum(delay <= 1_000 * PATIENCE for found in delays.values() for delay in found)
    by_event = {each.row.event_id: each.asked_at for each in written}
    return Loaded(
        asked=asked,
        rows=len(asked_at),
        owed=owed,
        late=max(0, owed - prompt),
        delays=dict(delays),
        by_priority=dict(by_priority),
        browsers=[
            1_000 * (at - began)
            for placed in came.placed.values()
            for event, at in placed
            if (began := by_event.get(event)) is not None
        ],
        harm=harm,
        rate=_rate(asked, asked_at, unstamped_after),
        series=_series(timed, asked_at),
        weighed=weighed,
        connected=len(people),
        pages=len(came.placed),
        streams_reopened=came.reopened,
        refused=came.refused,
        by_standby=by_standby,
        unstamped_after=unstamped_after,
        calls_ms=[1_000 * call for call in calls],
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


def _rate(asked: Asked, asked_at: list[float], unstamped_after: float) -> float:
    """Return rows a second. Where the last one has its place within a second, the log kept up with the producers."""
    if not asked_at:
        return 0.0
    produced = max(asked.seconds, asked_at[-1] - asked_at[0])
    return len(asked_at) / (produced + (unstamped_after if unstamped_after > 1 else 0))


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


def quantile(found: Sequence[float], part: float) -> float:
    """Return a quantile of what was found; of one value that value. Raises ValueError where there is none."""
    if not found:
        raise ValueError("nothing was measured")
    return (
        found[0]
        if len(found) == 1
        else statistics.quantiles(found, n=1_000, method="inclusive")[round(1_000 * part) - 1]
    )


def _produce(town: Town, people: Sequence[Person], asked: Asked, mix: Mix) -> list[float]:
    """Return the seconds that each call took, of all producers."""
    channels = town.folder / "channels"
    channels.write_text("\n".join(mix.channels(people)))
    options = {
        "batch": asked.batch,
        "rate": asked.rate / asked.producers,
        "seconds": asked.seconds,
        "priorities": asked.priorities,
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "benchmarks.producer", str(channels), *words]
    running = [
        subprocess.Popen(command, env=town.environment, stdout=subprocess.PIPE, text=True)
        for _ in range(asked.producers)
    ]
    try:
        said = [process.communicate(timeout=3 * asked.seconds + STAMPED_WITHIN)[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    return [call for one in said for call in json.loads(one)["calls"]]
