"""The stream: fan-out of one channel, memory of idle streams, a thousand clients that come back; beside other servers."""

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks.crowd import Crowd, delays_ms
from benchmarks.log_head import LogHead
from benchmarks.people import Login, log_everybody_in
from benchmarks.served import CLIENT_CORE, Served
from tests.live.ably_server import free_port
from tests.live.site import environment_for, manage

SYSTEM = "system:notifications"
FAN = 1_000  # streams on one channel
_JOINED = b"event: counts"  # the first event after a stream has joined


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench stream", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, for a look")
    return parser.parse_args()


class Figures:
    """Measures our stream under one server. `login(n)` is who client n is."""

    def __init__(self, served: Served, log: LogHead, logins: list[Login], *, quick: bool):
        self._served = served
        self._log = log
        self._logins = logins
        self._quick = quick

    def _crowd(self, size: int, sample: int = 0) -> Crowd:
        return Crowd(self._served.port, size, lambda number: self._logins[number].request(), _JOINED, sample)

    async def bursts(self, rows: int, times: int) -> dict:
        """`rows` at once, again when all have come; each is rows × streams deliveries."""
        crowd = self._crowd(FAN)
        await crowd.open()
        rates = []
        for _ in range(times):
            crowd.expect(rows * FAN)
            began = time.perf_counter()
            self._log.advance(rows, self._served.pid)
            await crowd.receive(rows * FAN)
            rates.append(rows * FAN / (time.perf_counter() - began))
        crowd.drop()
        return {"deliveries_a_second": round(statistics.median(rates)), "best": round(max(rates))}

    async def one_a_tick(self, rows: int) -> dict:
        """The next event once the last has come everywhere: nothing can be joined."""
        crowd = self._crowd(FAN)
        await crowd.open()
        began = time.perf_counter()
        for _ in range(rows):
            crowd.expect(FAN)
            self._log.advance(1, self._served.pid)
            await crowd.receive(FAN)
        rate = rows * FAN / (time.perf_counter() - began)
        crowd.drop()
        return {"deliveries_a_second": round(rate)}

    async def paced(self, rate: int, seconds: int) -> dict:
        """`rate` events a second, evenly; delays of a tenth of the streams."""
        crowd = self._crowd(FAN, sample=100)
        await crowd.open()
        busy, own = self._served.seconds_on_core(), time.process_time()
        crowd.expect(rate * seconds * FAN)
        crowd.chunks = 0
        began = time.perf_counter()
        for number in range(rate * seconds):
            if (ahead := began + number / rate - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            self._log.advance(1, self._served.pid)
        await crowd.receive(0)
        took = time.perf_counter() - began
        delays = delays_ms(crowd.came, self._log.sent)
        cuts = statistics.quantiles(delays, n=100)
        crowd.drop()
        return {
            "deliveries_a_second": round(rate * seconds * FAN / took),
            "ms": {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "p99": round(cuts[98], 1)},
            "events_a_read": round(rate * seconds * FAN / crowd.chunks, 1),
            "server_busy": round((self._served.seconds_on_core() - busy) / took, 2),
            "client_busy": round((time.process_time() - own) / took, 2),
        }

    async def idle(self, size: int) -> dict:
        """KB a connection, from the difference of resident memory."""
        before = self._served.kilobytes()
        crowd = self._crowd(size)
        seconds = await crowd.open()
        await asyncio.sleep(1.5)  # the first counts, and a tick
        kilobytes = (self._served.kilobytes() - before) / size
        crowd.drop()
        return {"streams": size, "kb_each": round(kilobytes, 2), "opened_a_second": round(size / seconds)}

    async def returns(self, times: int) -> dict:
        """A thousand clients are dropped at once and come back at once, each with its session."""
        crowd = self._crowd(FAN)
        await crowd.open()
        seconds = []
        for _ in range(times):
            crowd.drop()
            seconds.append(await crowd.open(at_once=FAN))
        crowd.drop()
        return {"clients": FAN, "seconds": round(statistics.median(seconds), 3), "best": round(min(seconds), 3)}


async def measure(served: Served, log: LogHead, logins: list[Login], *, quick: bool, idle: list[int]) -> dict:
    figures = Figures(served, log, logins, quick=quick)
    few = 3 if quick else 1
    measured: dict = {}
    for size in idle:
        measured[f"idle_{size}"] = await figures.idle(size // (few if size > FAN else 1))
        await asyncio.sleep(1)
    await figures.bursts(50, 2)  # warm
    measured["bursts"] = await figures.bursts(400, 3 if quick else 8)
    measured["one_a_tick"] = await figures.one_a_tick(200 // few)
    measured["at_200000"] = await figures.paced(200, 2 if quick else 6)
    measured["returns"] = await figures.returns(2 if quick else 5)
    return measured


def prepare(folder: Path, people: int) -> tuple[Path, dict[str, str], list[Login]]:
    database = folder / "bench.sqlite3"
    environment = environment_for(database, ably=None, LOG_LEVEL="WARNING", DISPATCHER="off")
    environment |= {"ABLY_API_KEY": "bench.key:none", "STREAMS_PER_PROCESS": "30000"}
    manage(environment | {"DISPATCHER": "embedded"}, "migrate", "--verbosity", "0")
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="semtas.settings")
    import django

    django.setup()
    return database, environment, log_everybody_in(people)


def allow_many_files(wanted: int = 65_536) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    options = arguments()
    allow_many_files()
    os.sched_setaffinity(0, {CLIENT_CORE})
    with tempfile.TemporaryDirectory() as folder:
        database, environment, logins = prepare(Path(folder), 20_000 if not options.quick else 7_000)
        log = LogHead(database, SYSTEM)
        log.write(6_000)
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.site", str(port)]
        with Served(command, environment, port, "/health/live") as served:
            figures = uvloop.run(measure(served, log, logins, quick=options.quick, idle=[5_000, 20_000]))
    print(f"Python {platform.python_version()}, uvicorn with takeover, SQLite; one core each for server and clients")
    for name, values in figures.items():
        print(f"{name:12} {values}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
