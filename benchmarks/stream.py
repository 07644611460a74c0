"""Fan-out of one channel, memory of idle streams, a thousand clients that come back; beside other servers."""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import uvloop

from benchmarks import rivals
from benchmarks.crowd import Crowd, delays_ms
from benchmarks.log_head import LogHead
from benchmarks.people import Login, log_everybody_in
from benchmarks.served import CLIENT_CORE, PRODUCTION, Served
from tests.live.ably_server import free_port
from tests.live.site import environment_for, manage

SYSTEM = "system:notifications"
FAN = 1_000  # streams on one channel
_JOINED = b"event: counts"  # the first event after a stream has joined


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench stream", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, for a look")
    parser.add_argument("--only", metavar="NAME", help="one measurement of ours, such as bursts, or: others")
    return parser.parse_args()


class Figures:
    """Measures our stream under one server. `logins[n]` is who client n is."""

    def __init__(self, served: Served, log: LogHead, logins: list[Login], *, rings: bool = True):
        self._served = served
        self._bell = served.pid if rings else 0
        self._log = log
        self._logins = logins
        self._cursor = ""  # of those who open a stream

    def _crowd(self, size: int, sample: int = 0) -> Crowd:
        return Crowd(
            self._served.port, size, lambda number: self._logins[number].request(self._cursor), _JOINED, sample
        )

    @contextlib.asynccontextmanager
    async def _fan(self, rows: int, sample: int = 0) -> AsyncIterator[Crowd]:
        """A crowd on one channel, and `rows` ready to become visible to it; nothing is left unread afterwards."""
        crowd = self._crowd(FAN, sample)
        await crowd.open()
        self._log.write(rows)
        await asyncio.sleep(0.5)
        yield crowd
        crowd.drop()
        self._log.read_by([login.person_pk for login in self._logins[:FAN]])

    async def warm(self) -> None:
        crowd = self._crowd(50)
        await crowd.open()
        crowd.drop()

    async def bursts(self, rows: int, times: int) -> dict:
        """`rows` at once, again when all have come; each is rows × streams deliveries."""
        async with self._fan(rows * times) as crowd:
            rates = []
            busy = self._served.seconds_on_core()
            for _ in range(times):
                crowd.expect(rows * FAN)
                began = time.perf_counter()
                self._log.advance(rows, self._bell)
                await crowd.receive()
                rates.append(rows * FAN / (time.perf_counter() - began))
            busy = self._served.seconds_on_core() - busy
        return {
            "deliveries_a_second": round(statistics.median(rates)),
            "best": round(max(rates)),
            "deliveries_a_core_second": round(rows * FAN * times / busy),
        }

    async def one_a_tick(self, rows: int) -> dict:
        """The next event once the last has come everywhere: nothing can be joined."""
        async with self._fan(rows) as crowd:
            busy = self._served.seconds_on_core()
            began = time.perf_counter()
            for _ in range(rows):
                crowd.expect(FAN)
                self._log.advance(1, self._bell)
                await crowd.receive()
            took = time.perf_counter() - began
            busy = self._served.seconds_on_core() - busy
        return {
            "deliveries_a_second": round(rows * FAN / took),
            "deliveries_a_core_second": round(rows * FAN / busy),
        }

    async def paced(self, rate: int, seconds: int) -> dict:
        """`rate` events a second, evenly; delays of a tenth of the streams."""
        rows = rate * seconds
        async with self._fan(rows, sample=100) as crowd:
            busy, own = self._served.seconds_on_core(), time.process_time()
            crowd.expect(rows * FAN)
            crowd.chunks = 0
            began = time.perf_counter()
            for number in range(rows):
                if (ahead := began + number / rate - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                self._log.advance(1, self._bell)
            await crowd.receive()
            took = time.perf_counter() - began
            cuts = statistics.quantiles(delays_ms(crowd.came, self._log.sent), n=100)
            busy, own = self._served.seconds_on_core() - busy, time.process_time() - own
        return {
            "deliveries_a_second": round(rows * FAN / took),
            "ms": {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "p99": round(cuts[98], 1)},
            "events_a_read": round(rows * FAN / crowd.chunks, 1),
            "server_busy": round(busy / took, 2),
            "client_busy": round(own / took, 2),
        }

    async def idle(self, size: int) -> dict:
        """KB a connection: what resident memory grows by between the first thousand and the last stream."""
        first = self._crowd(FAN)
        await first.open()
        await asyncio.sleep(2)  # a tick
        before = self._served.kilobytes()
        others = Crowd(self._served.port, size - FAN, lambda number: self._logins[FAN + number].request(), _JOINED)
        seconds = await others.open()
        await asyncio.sleep(2)
        kilobytes = (self._served.kilobytes() - before) / (size - FAN)
        first.drop()
        others.drop()
        return {"streams": size, "kb_each": round(kilobytes, 2), "opened_a_second": round((size - FAN) / seconds)}

    async def returns(self, times: int, missed: int = 0) -> dict:
        """A thousand clients are dropped at once and come back at once, each with its session and where it was.

        `missed` events came meanwhile.
        """
        crowd = self._crowd(FAN)
        await crowd.open()
        self._log.write(missed * times)
        seconds, busy = [], self._served.seconds_on_core()
        for _ in range(times):
            crowd.drop()
            self._cursor = self._log.position
            if missed:
                self._log.advance(missed, self._bell)
            crowd.expect(missed * FAN)
            seconds.append(await crowd.open(at_once=FAN))
            await crowd.receive()
            await asyncio.sleep(1.5)
        self._cursor = ""
        crowd.drop()
        self._log.read_by([login.person_pk for login in self._logins[:FAN]])
        return {
            "clients": FAN,
            "seconds": round(statistics.median(seconds), 3),
            "best": round(min(seconds), 3),
            "core_seconds": round((self._served.seconds_on_core() - busy) / times, 3),
        }


async def measure(served: Served, log: LogHead, logins: list[Login], options: argparse.Namespace) -> dict:
    figures = Figures(served, log, logins)
    quick = options.quick
    seconds = 2 if quick else 6
    works: dict[str, Callable[[], Awaitable[dict]]] = {
        f"idle_{size}": partial(figures.idle, min(size, most_streams()))
        for size in ((2_000,) if quick else (5_000, 20_000))
    } | {
        "returns": partial(figures.returns, 2 if quick else 12),
        "returns_10_behind": partial(figures.returns, 2 if quick else 12, 10),
        "bursts": partial(figures.bursts, 400, 3 if quick else 8),
        "one_a_tick": partial(figures.one_a_tick, 100 if quick else 900),
        "at_120000": partial(figures.paced, 120, seconds),
        "at_200000": partial(figures.paced, 200, seconds),
    }
    await figures.warm()
    measured = {}
    for name, work in works.items():
        if options.only in (None, name):
            measured[name] = await work()
            print(f"{name:17} {measured[name]}", flush=True)
            await asyncio.sleep(1)
    return measured


async def measure_plain(served: Served, log: LogHead, logins: list[Login], options: argparse.Namespace) -> dict:
    """The same stream without the takeover."""
    figures = Figures(served, log, logins, rings=False)
    await figures.warm()
    size = 2_000 if options.quick else 5_000
    return {
        f"idle_{size}": await figures.idle(size),
        "returns": await figures.returns(2),
        "bursts": await figures.bursts(100, 2 if options.quick else 4),
    }


async def measure_rival(served: Served, rows: int, options: argparse.Namespace) -> dict:
    size = 1_000 if options.quick else 5_000
    return {
        f"idle_{size}": await rivals.idle(served, size),
        "bursts": await rivals.posted_bursts(served, FAN, rows, 2 if options.quick else 4),
    }


def measure_others(folder: Path, environment: dict[str, str], log: LogHead, logins: list[Login], options) -> dict:
    """Each on the same core, one after the other."""
    measured = {}

    def note(name: str, served: Served | None, measuring) -> None:
        if served is None:
            print(f"{name} is not installed")
            return
        try:
            with served:
                measured[name] = uvloop.run(measuring(served))
        except (AssertionError, RuntimeError, TimeoutError) as error:  # the others' figures stand
            print(f"{name} could not be measured: {error}")
            return
        print(f"{name:13} {measured[name]}", flush=True)

    note("nchan", rivals.nchan(folder, free_port()), lambda served: measure_rival(served, 400, options))
    note("eventstream", rivals.eventstream(free_port()), lambda served: measure_rival(served, 40, options))
    for name, server in (("plain_daphne", rivals.daphne), ("plain_granian", rivals.granian)):
        served = server(environment, free_port())
        note(name, served, lambda served: measure_plain(served, log, logins, options))
    return measured


def ratios(figures: dict) -> dict:
    """Ours over theirs, in bursts: by the clock, and by the server's processor time."""
    ours = figures["takeover"].get("bursts")
    if ours is None:
        return {}
    return {
        name: {
            measure: round(ours[measure] / theirs["bursts"][measure], 1)
            for measure in ("deliveries_a_second", "deliveries_a_core_second")
        }
        for name, theirs in figures.items()
        if name != "takeover"
    }


def prepare(folder: Path, people: int) -> tuple[Path, dict[str, str], list[Login]]:
    database = folder / "bench.sqlite3"
    environment = environment_for(database, ably=None, **PRODUCTION, DISPATCHER="external")
    environment |= {"ABLY_API_KEY": "bench.key:none", "STREAMS_PER_PROCESS": "30000", "STREAMS_PER_ADDRESS": "30000"}
    manage(environment | {"DISPATCHER": "embedded"}, "migrate", "--verbosity", "0")
    # Between two measurements the one loop here may well wait for the database.
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="semtas.settings", DJANGO_ALLOW_ASYNC_UNSAFE="true")
    import django

    django.setup()
    return database, environment, log_everybody_in(people)


def allow_many_files(wanted: int = 65_536) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_streams() -> int:
    """A process holds no more than it may open files, and some are for other things."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 300


def main() -> None:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers end with this process
    print(f"Python {platform.python_version()}, SQLite; one core for the server, one for the clients", flush=True)
    allow_many_files()
    os.sched_setaffinity(0, {CLIENT_CORE})
    with tempfile.TemporaryDirectory() as folder:
        database, environment, logins = prepare(Path(folder), 2_000 if options.quick else 20_000)
        log = LogHead(database, SYSTEM)
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.site", str(port)]
        with Served(command, environment, port, "/health/live") as served:
            figures = {"takeover": uvloop.run(measure(served, log, logins, options))}
        if options.only in (None, "others"):
            figures |= measure_others(Path(folder), environment, log, logins, options)
            figures["ratios"] = ratios(figures)
            print(f"ratios        {figures['ratios']}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
