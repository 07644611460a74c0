"""The clients of a load: processes that listen as browsers do, by SSE, by Ably, in Chromium; and what came to them."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as File

from benchmarks.proof.town import Person, Town
from tests.faults.history import Arrival, Path
from tests.live.ably_server import ROOT

A_PROCESS = 500  # streams
_PAGE_LINKS = 100
"""People on Ably with the page's own link, which verifies each message; the others listen by the protocol alone."""
_BEHIND_NGINX = 100  # streams: each is two of nginx's connections
_PATHS = {"live": Path.LIVE, "standby": Path.STANDBY, "ably": Path.ABLY}
_LISTEN_WITHIN = 150  # seconds


@dataclass
class Came:
    """What came to whom: `arrivals` by person and transport ("sse", "ably"), in the order of their time.

    `placed`: of each person with a page in Chromium `(event, monotonic second)` of each row that it put into its list.
    `transports`: how many of these pages ended on which. `again`: how often one path brought a row a second time, of
    which a page that listens to two paths shows one.
    """

    arrivals: dict[tuple[str, str], list[Arrival]]
    placed: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    again: int = 0
    transports: Counter[str] = field(default_factory=Counter)
    reopened: int = 0
    refused: int = 0


class Told:
    """A process that is told lines and answers with lines, and writes what came to a file."""

    def __init__(self, command: Sequence[str], task: dict, out: File):
        self.out = out
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ
        )
        self.say(json.dumps({**task, "out": str(out)}))

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Raises RuntimeError where it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"clients ended with {self._process.wait()}: {' '.join(self._process.args)}")  # type: ignore[arg-type]
        return line

    def count(self) -> int:
        self.say("count")
        return int(self.hear())

    def leave(self) -> dict:
        self.say("end")
        return json.loads(self.hear())

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Links:
    """The pages' own links to Ably, many in one process of node; what they hear goes to a file."""

    def __init__(self, site: str, people: Sequence[Person], out: File):
        self.out = out
        self._people = len(people)
        what = {"site": site, "sessions": {person.name: person.login.session_key for person in people}}
        script = str(ROOT / "tests" / "live" / "crowd.mjs")
        with out.open("wb") as file:
            self._process = subprocess.Popen(["node", script, json.dumps(what)], stdout=file, cwd=ROOT)

    def wait(self, deadline: float) -> None:
        """Until all are attached. Raises RuntimeError."""
        while self._attached() < self._people:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._attached()} of {self._people} links to Ably are attached")
            time.sleep(0.2)

    def _attached(self) -> int:
        states = {event["name"]: event["state"] for event in self.events() if event["kind"] == "link"}
        return list(states.values()).count("attached")

    def events(self) -> Iterator[dict]:
        with self.out.open() as file:
            yield from (json.loads(line) for line in file if line.endswith("\n"))

    def count(self) -> int:
        return sum(event["kind"] == "row" for event in self.events())

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class Clients:
    """Everybody who listens during a load. `on_sse` have the live lane, `on_ably` Ably and the standby lane."""

    def __init__(
        self, town: Town, on_sse: Sequence[Person], on_ably: Sequence[Person], browsers: Sequence[Person] = ()
    ):
        self.on_sse, self.on_ably, self.browsers = on_sse, on_ably, browsers
        self._town = town
        self._ending = contextlib.ExitStack()
        self._streams: list[Told] = []
        self._links: list[Links] = []
        self._chromium: list[Told] = []

    def __enter__(self) -> "Clients":
        with self._ending:
            self._open()
            self._ending = self._ending.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._ending.close()

    @property
    def connected(self) -> int:
        """How many people are connected; those of Ably hold a stream beside it."""
        return len(self.on_sse) + len(self.on_ably)

    def _open(self) -> None:
        webs = [site.port for site in self._town.webs]
        behind, direct = self.on_sse[:_BEHIND_NGINX], self.on_sse[_BEHIND_NGINX:]
        for place, some in enumerate(_pieces(direct, A_PROCESS)):
            self._listen(some, "live", webs[place % len(webs)], None)
        if behind:
            self._listen(behind, "live", self._town.nginx.port, str(self._town.nginx.certificate))
        for place, some in enumerate(_pieces(self.on_ably, A_PROCESS)):
            self._listen(some, "standby", webs[place % len(webs)], None)
        pages = min(_PAGE_LINKS, len(self.on_ably) // 2)
        verifying, lean = self.on_ably[:pages], self.on_ably[pages:]
        if verifying:
            self._links.append(Links(self._town.webs[0].url, verifying, self._file("links")))
            self._ending.callback(self._links[-1].end)
        for place, some in enumerate(_pieces(lean, A_PROCESS)):
            sessions = {person.name: person.login.session_key for person in some}
            self._start(
                self._streams, "ably_listeners", {"site": self._town.webs[place % len(webs)].url, "sessions": sessions}
            )
        if self.browsers:
            self._start_chromium()
        for told in (*self._streams, *self._chromium):
            assert told.hear() == "ready"
        deadline = time.monotonic() + _LISTEN_WITHIN
        for links in self._links:
            links.wait(deadline)

    def _listen(self, people: Sequence[Person], lane: str, port: int, certificate: str | None) -> None:
        seats = [{"name": person.name, "request": _request(person, lane)} for person in people]
        task = {"seats": seats, "lane": lane, "port": port, "certificate": certificate}
        self._start(self._streams, "listeners", task)

    def _start_chromium(self) -> None:
        on_ably = {person.name for person in self.on_ably}
        pages = [
            {
                "name": person.name,
                "session": person.login.session_key,
                "transport": "ably" if person.name in on_ably else "sse",
            }
            for person in self.browsers
        ]
        self._start(self._chromium, "chromium", {"site": self._town.webs[-1].url, "pages": pages})

    def _start(self, kind: list[Told], module: str, task: dict) -> None:
        told = Told([sys.executable, "-m", f"benchmarks.proof.{module}"], task, self._file(module))
        self._ending.callback(told.end)
        kind.append(told)

    def _file(self, what: str) -> File:
        number = len(self._streams) + len(self._links) + len(self._chromium)
        return self._town.folder / f"{what}-{time.monotonic_ns()}-{number}"

    def wait_until_quiet(self, still: float = 2.0, within: float = 60.0) -> None:
        """Until nothing came to anybody for `still` seconds: what has not come by then is lost."""
        deadline = time.monotonic() + within
        count, since = -1, time.monotonic()
        while time.monotonic() < min(deadline, since + still) or count < 0:
            now = sum(each.count() for each in (*self._streams, *self._links, *self._chromium))
            if now != count:
                count, since = now, time.monotonic()
            time.sleep(0.3)

    def leave(self) -> Came:
        """End them all, and return what came to them."""
        said = [told.leave() for told in (*self._streams, *self._chromium)]
        for links in self._links:
            links.end()
        found: dict[tuple[str, str], list[Arrival]] = {(person.name, "sse"): [] for person in self.on_sse}
        found |= {(person.name, "ably"): [] for person in self.on_ably}
        on_ably = {person.name for person in self.on_ably}
        for told in self._streams:
            for name, arrival in _written(told.out):
                found[name, "ably" if name in on_ably else "sse"].append(arrival)
        for links in self._links:
            for event in links.events():
                if event["kind"] == "row":
                    found[event["name"], "ably"].append(_by_ably(event))
        placed: dict[str, list[tuple[str, float]]] = {person.name: [] for person in self.browsers}
        for told in self._chromium:
            for name, event, at in map(str.split, told.out.read_text().splitlines()):
                placed[name].append((event, int(at) / 1e9))
        for told in (*self._streams, *self._links, *self._chromium):
            told.out.unlink()
        for key, arrivals in found.items():
            if key[1] == "ably":
                found[key] = shown_once(arrivals)
        reopened, refused = (sum(one[what] for one in said) for what in ("reopened", "refused"))
        again = sum(came_again(arrivals) for key, arrivals in found.items() if key[1] == "ably")
        transports = sum((Counter(one.get("transports", {})) for one in said), Counter())
        return Came(found, placed, again, transports, reopened, refused)


def shown_once(arrivals: list[Arrival]) -> list[Arrival]:
    """Return what a page with two paths shows: what came first by either, as `incoming.js` does."""
    seen: Counter[str] = Counter()
    merged = []
    for arrival in sorted(arrivals, key=lambda one: one.at):
        seen[arrival.event_id] += 1
        merged.append(replace(arrival, shown=seen[arrival.event_id] == 1))
    return merged


def came_again(arrivals: list[Arrival]) -> int:
    """Return how often a path brought what it had brought before."""
    times = Counter((one.path, one.id) for one in arrivals)
    return times.total() - len(times)


def _written(file: File) -> Iterator[tuple[str, Arrival]]:
    with file.open() as lines:
        for line in lines:
            name, lane, connection, row, event, channel, seq, prev_seq, at = line.split()
            path = _PATHS[lane]
            arrival = Arrival(row, event, sys.intern(channel), int(seq), int(prev_seq), path, int(connection), True)
            yield name, replace(arrival, at=int(at) / 1e9)


def _by_ably(event: dict) -> Arrival:
    row = event["row"]
    return Arrival(
        row["id"],
        row["event_id"],
        row["channel"],
        row["seq"],
        row["prev_seq"],
        Path.ABLY,
        1,
        True,
        int(event["at"]) / 1e9,
    )


def _request(person: Person, lane: str) -> str:
    return replace(person.login, lane=lane).request("CURSOR").decode()


def _pieces(people: Sequence[Person], size: int) -> Iterator[Sequence[Person]]:
    yield from (people[start : start + size] for start in range(0, len(people), size))
