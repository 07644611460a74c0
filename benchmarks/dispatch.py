"""From a notification's creation to its arrival at the client, durable: on PostgreSQL and Redis, on embedded SQLite."""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from benchmarks.crowd import Crowd
from benchmarks.people import Login, log_everybody_in
from benchmarks.served import PRODUCTION, seconds_on_core
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.live.site import DispatcherProcess, Site, environment_for, manage

PEOPLE = 1_000  # with one stream each, and a personal channel each
_JOINED = b"event: counts"  # the first event after a stream has joined
_GRACE = 20.0  # seconds for the last ones to arrive


@dataclass(frozen=True)
class Load:
    """`rate` rows a second in calls of `batch` rows, from `producers` processes; 0: as fast as one goes."""

    name: str
    rate: int
    batch: int
    goal_ms: float
    producers: int = 1


LOADS = {
    "postgres": (
        *(Load(f"one_by_one_{rate}", rate=rate, batch=1, goal_ms=15) for rate in (10, 50, 200)),
        Load("one_by_one_500", rate=500, batch=1, goal_ms=15),
        Load("one_by_one", rate=0, batch=1, goal_ms=30),
        Load("batches_5000", rate=5_000, batch=50, goal_ms=50, producers=2),
    ),
    "sqlite": (Load("sqlite_1000", rate=1_000, batch=10, goal_ms=50),),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench dispatch", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seconds of each load, for a look")
    parser.add_argument("--seconds", type=int, default=10, help="of each load (default: %(default)s)")
    parser.add_argument("--only", metavar="NAME", nargs="+", help="some loads, such as batches_5000")
    parser.add_argument(
        "--paces", metavar="SECONDS", nargs="+", default=[None], help="all of it in turns, with each as STAMP_PACE"
    )
    parser.add_argument("--embedded", action="store_true", help="the dispatcher in the web process, on PostgreSQL too")
    return parser.parse_args()


class Bench:
    """One site with its streams; `parts` is `{name: pid}` of the processes that serve it."""

    def __init__(self, site: Site, parts: dict[str, int], logins: list[Login], channels: Path):
        self._port = site.port
        self._environment = site.environment
        self._parts = parts
        self._logins = logins
        self._channels = channels

    async def run(self, load: Load, seconds: float) -> dict:
        """What became of `load`; a second of it goes before, unmeasured."""
        from django.db import connection

        crowd = Crowd(self._port, PEOPLE, lambda number: self._logins[number].request(), _JOINED, sample=PEOPLE)
        await crowd.open()
        await self._produce(load, 1.0)
        await self._arrive(crowd, _last_seq())
        crowd.came.clear()
        before, busy = _last_seq(), self._busy()
        said = await self._produce(load, seconds)
        last = _last_seq()
        await self._arrive(crowd, last)
        used = {name: now - busy[name] for name, now in self._busy().items()}
        used["producer"] = sum(each["on_core"] for each in said)
        crowd.drop()
        measured = figures(load, before, crowd.came, [took for each in said for took in each["calls"]])
        connection.close()  # each run is a context of its own, which would keep its connection
        return measured | {"core_us_each": {name: round(1e6 * each / (last - before)) for name, each in used.items()}}

    def _busy(self) -> dict[str, float]:
        return {name: seconds_on_core(pid) for name, pid in self._parts.items()} | {"client": time.process_time()}

    async def _produce(self, load: Load, seconds: float) -> list[dict]:
        """What each producer said; returns when all that they wrote is stamped."""
        rate = load.rate / load.producers
        words = [f"--{name}={value}" for name, value in (("batch", load.batch), ("rate", rate), ("seconds", seconds))]
        command = [sys.executable, "-m", "benchmarks.producer", str(self._channels), *words]
        with contextlib.ExitStack() as started:
            producers = []
            for _ in range(load.producers):
                producer = await asyncio.create_subprocess_exec(
                    *command, env=self._environment, stdout=subprocess.PIPE, limit=2**24
                )
                started.callback(_end, producer)
                producers.append(producer)
            async with asyncio.timeout(4 * seconds + _GRACE):
                said = await asyncio.gather(*(producer.communicate() for producer in producers))
                while _unstamped():
                    await asyncio.sleep(0.05)
        return [json.loads(output) for output, _ in said]

    @staticmethod
    async def _arrive(crowd: Crowd, seq: int) -> None:
        """Until the row with the last seq has come, and a moment for what would come twice."""
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline and not any(came == seq for came, _ in reversed(crowd.came)):
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)


def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


def _last_seq() -> int:
    from notificacao import eventlog

    return eventlog.head().seq


def _unstamped() -> bool:
    from notificacao.models import Notification

    return Notification.objects.filter(seq=None).exists()


def figures(load: Load, after: int, came: list[tuple[int, float]], calls: list[float]) -> dict:
    """Delays from the beginning of the call to the client's read; `calls` are the producers' own seconds."""
    from notificacao.models import Notification

    rows = Notification.objects.filter(seq__gt=after).values_list("seq", "link", "created_at", "stamped_at")
    asked, stamped = {}, []
    for seq, link, created_at, stamped_at in rows:
        asked[seq] = int(link[1:]) / 1e9
        stamped.append((stamped_at - created_at).total_seconds())
    delays = [at - asked[seq] for seq, at in came if seq in asked]
    ms = percentiles_ms(delays)
    commit = statistics.median(calls)
    span = max(asked.values()) - min(asked.values())
    return {
        "notifications": len(asked),
        "a_second": round(len(asked) / span),
        "lost": len(asked.keys() - {seq for seq, _ in came}),
        "twice": len(delays) - len({seq for seq, _ in came if seq in asked}),
        "ms": ms,
        "until_stamped_ms": percentiles_ms(stamped),
        "commit_ms": round(1_000 * commit, 2),
        "p95_in_commits": round(ms["p95"] / 1_000 / commit, 1),
        "goal_ms": load.goal_ms,
        "share_of_goal": round(ms["p95"] / load.goal_ms, 2),
    }


def percentiles_ms(seconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return {f"p{at}": round(1_000 * cuts[at - 1], 1) for at in (50, 95, 99)}


# --- What is measured


# Starts the processes that serve, with further settings; gives the site, and `{name: pid}` of all that was started.
Serve = Callable[[dict[str, str]], contextlib.AbstractContextManager[tuple[Site, dict[str, int]]]]
# What serves, the settings to make its people with, and `{name: pid}` of what runs already.
Prepared = tuple[Serve, dict[str, str], dict[str, int]]


@contextlib.contextmanager
def on_postgres(*, embedded: bool) -> Iterator[Prepared]:
    with PostgresServer() as postgres, RedisServer() as redis:
        url = postgres.create_database()
        settings = {**PRODUCTION, "REDIS_URL": redis.url, "DISPATCHER": "embedded" if embedded else "external"}

        @contextlib.contextmanager
        def serve(further: dict[str, str]) -> Iterator[tuple[Site, dict[str, int]]]:
            with contextlib.ExitStack() as running:
                parts = {}
                if not embedded:
                    told = settings | further | {"LOG_LEVEL": "INFO"}  # it says when it leads
                    parts["dispatcher"] = running.enter_context(DispatcherProcess(url, **told)).pid
                site = running.enter_context(Site(url, **(settings | further)))
                yield site, parts | {"site": site.pid}

        yield serve, environment_for(url, **settings), {"postgres": postgres.pid, "redis": redis.pid}


@contextlib.contextmanager
def on_sqlite(folder: Path) -> Iterator[Prepared]:
    database = folder / "bench.sqlite3"
    environment = environment_for(database, **PRODUCTION)
    manage(environment, "migrate", "--verbosity", "0")

    @contextlib.contextmanager
    def serve(further: dict[str, str]) -> Iterator[tuple[Site, dict[str, int]]]:
        with Site(database, **(PRODUCTION | further)) as site:
            yield site, {"site": site.pid}

    yield serve, environment, {}


def make_people(environment: dict[str, str], folder: Path) -> tuple[list[Login], Path]:
    """Their logins, and the file with the names of their personal channels, shuffled.

    Django is that of `environment` from here on: one site a process.
    """
    # Before and after a load the one loop here may well wait for the database.
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="semtas.settings", DJANGO_ALLOW_ASYNC_UNSAFE="true")
    import django

    django.setup()
    from notificacao import audiences
    from notificacao.models import Person

    logins = log_everybody_in(PEOPLE)
    names = [audiences.channel_for_user(person) for person in Person.objects.order_by("pk")]
    random.Random(1).shuffle(names)
    channels = folder / "channels"
    channels.write_text("\n".join(names))
    return logins, channels


def measure(database: str, options: argparse.Namespace, found: Connection) -> None:
    """Send the figures of the loads of one site, measured one after the other."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers end with this process
    wanted = [load for load in LOADS[database] if not options.only or load.name in options.only]
    measured = {}
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        prepared = on_postgres(embedded=options.embedded) if database == "postgres" else on_sqlite(folder)
        serve, environment, parts = running.enter_context(prepared)
        logins, channels = make_people(environment, folder)
        for pace in options.paces:
            with serve({} if pace is None else {"STAMP_PACE": pace}) as (site, started):
                bench = Bench(site, parts | started, logins, channels)
                for load in wanted:
                    found_now = uvloop.run(bench.run(load, 2 if options.quick else options.seconds))
                    name = load.name if pace is None else f"{load.name} at {pace}"
                    tell(name, load, found_now)
                    measured[name] = found_now
    found.send(measured)


def measure_alone(database: str, options: argparse.Namespace) -> dict[str, dict]:
    """In a process of its own, which ends with this one. Raises EOFError where it fails."""
    receiver, sender = Pipe(duplex=False)
    process = get_context("spawn").Process(target=measure, args=(database, options, sender), daemon=True)
    process.start()
    sender.close()
    found = receiver.recv()
    process.join()
    return found


def tell(name: str, load: Load, found: dict) -> None:
    ms = ", ".join(f"{name} {value}" for name, value in found["ms"].items())
    stamped = ", ".join(f"{name} {value}" for name, value in found["until_stamped_ms"].items())
    used = ", ".join(f"{name} {each}" for name, each in found["core_us_each"].items())
    print(f"{name}: {found['notifications']} notifications, {found['a_second']} a second")
    print(f"  lost {found['lost']}, twice {found['twice']}")
    print(f"  asked for → read by the client, ms: {ms}; {found['share_of_goal']} of the goal of {load.goal_ms}")
    print(f"  created → stamped, ms: {stamped}")
    print(f"  a call takes {found['commit_ms']} ms; p95 is {found['p95_in_commits']} times that")
    print(f"  processor time each, microseconds: {used}", flush=True)


def main() -> None:
    options = arguments()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before", flush=True
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found: dict[str, dict] = {}
    for database, loads in LOADS.items():
        if not options.only or any(load.name in options.only for load in loads):
            found |= measure_alone(database, options)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
