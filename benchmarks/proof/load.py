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

WITH_STANDBY = "ably com o SSE em espera"  # the key of what people on Ably see
PATIENCE = 5.0  # seconds from which on what has not come counts as an error, though it may come yet
_COUNTED_WITHIN = 15.0  # seconds; web processes tell every five who is connected
_FOREIGN = {"seen by others", "altered", "rolled back"}
_LOST = {"lost", "not stamped"}
_TWICE = {"shown twice", "seq given twice"}
_ORDER = {"out of order", "stamped out of order", "broken chain"}


@dataclass(frozen=True)
class Asked:
    """How a load is produced: `rate` rows a second in calls of `batch` rows, by so many producers, for `seconds`.

    `from_due`: delays are counted from when a call was due, so that what a slow call holds up counts along; without it,
    from when the call began.
    """

    rate: float
    batch: int
    seconds: float
    producers: int = 1
    priorities: str = "normal"
    from_due: bool = True


@dataclass
class Produced:
    """What the producers say: the seconds of each `call`; how `late` each began, by the nanosecond at which it did.

    `behind`: by how many seconds the last call of the slowest was late; `until`: seconds until that call.
    """

    calls: list[float]
    late: dict[int, float]
    behind: float
    until: float

    @classmethod
    def of(cls, said: Iterable[Mapping]) -> "Produced":
        """Put together what each process printed."""
        said = [one for one in said if one["calls"]]
        return cls(
            calls=[call for one in said for call in one["calls"]],
            late={at: late for one in said for at, late in one["begun"]},
            behind=max((one["begun"][-1][1] for one in said), default=0.0),
            until=max((one["until"] for one in said), default=0.0),
        )


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
    """What became of a load. Delays are milliseconds from when a row was asked for (see Asked) to a client's read.

    `delays` by transport: "sse", "ably" what came by Ably alone, whatever the stream beside it brought before, and
    WITH_STANDBY what the people on Ably saw, by the faster of both. `by_priority` of all that was seen; `series`:
    `(second, rows a second, p95)`; `late` came after PATIENCE or never, of `owed` deliveries; `unstamped_after`:
    seconds from the last call until the last row had its place, `read_after` until somebody read the last one; `rate`
    up to its place, `produced` up to the last call, rows a second; `connected`: how many of `people` at the least, as
    the server counts them; `transports` of pages in Chromium at the end; `again`: copies by one path, see Came.
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
    produced: float
    behind: float
    weighed: Weighed
    people: int
    connected: int
    transports: Counter[str]
    again: int
    streams_reopened: int
    refused: int
    by_standby: int
    unstamped_after: float
    read_after: float
    calls_ms: list[float]

    @property
    def all_delays(self) -> list[float]:
        """Return the delays of what people saw."""
        return [each for kind, found in self.delays.items() if kind != "ably" for each in found]

    @property
    def deliveries(self) -> int:
        return len(self.all_delays)

    @property
    def per_row(self) -> float:
        """Return the deliveries of one notification."""
        return self.deliveries / self.rows if self.rows else 0.0


def put(town: Town, clients: Clients, asked: Asked, mix: Mix) -> Loaded:
    """Open the clients, produce, wait until all is quiet, and judge."""
    hearers = [*clients.on_sse, *clients.on_ably]
    with clients:
        _wait_until_counted(len(hearers))
        before, heads = log.last(), log.heads()
        urls = [f"{site.url}/health/ready" for site in town.webs]
        with Meter(town.pids, urls, people_connected) as weighed:
            produced = _produce(town, hearers, asked, mix)
            ended = time.monotonic()
            log.wait_until_stamped()
            unstamped_after = time.monotonic() - ended
        log.wait_until_settled()
        clients.wait_until_quiet()
        came = clients.leave()
    return judge(
        asked, log.written_since(before), came, hearers, heads,
        weighed=weighed, produced=produced, unstamped_after=unstamped_after, since=before,
    )  # fmt: skip


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
    span = max(asked.seconds, produced.until)
    return Loaded(
        asked=asked,
        rows=len(asked_at),
        owed=owed,
        late=owed - len(prompt),
        delays=dict(delays),
        by_priority=dict(by_priority),
        browsers=[
            1_000 * (at - began[event]) for placed in came.placed.values() for event, at in placed if event in began
        ],
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


def people_connected() -> int:
    """Return how many people have a stream, each once, as the web processes told it last."""
    from notificacao import presence

    return presence.connections().values("person").distinct().count()


def _wait_until_counted(people: int) -> None:
    """Until the server counts all of them, so that a load's least is not what was told before it began."""
    deadline = time.monotonic() + _COUNTED_WITHIN
    while people_connected() < people and time.monotonic() < deadline:
        time.sleep(0.2)


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


def _produce(town: Town, people: Sequence[Person], asked: Asked, mix: Mix) -> Produced:
    """Return what all producers say, once they have ended."""
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
    return Produced.of(map(json.loads, said))
