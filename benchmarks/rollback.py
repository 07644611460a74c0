"""Everybody on Ably, and one command back to SSE: how soon each page is there, what is lost, what comes twice."""

import argparse
import asyncio
import os
import time

from benchmarks._machines import on_ably, quantiles
from benchmarks.served import seconds_on_core
from tests.faults.crowd import Crowd
from tests.faults.machines import Machines
from tests.faults.rollback import RolledBack, everybody_by_plan, roll_back
from tests.live.ably_server import AblyServer


class Meter:
    """Processor seconds by process, at each look. The clients are this process; their links to Ably are one of node."""

    def __init__(self, machines: Machines, ably: AblyServer):
        self._pids = {
            **{f"web {number}": site.pid for number, site in enumerate(machines.webs, 1)},
            **{f"dispatcher {number}": each.pid for number, each in enumerate(machines.dispatchers, 1)},
            "producer": machines.producer.pid,
            "PostgreSQL": machines.postgres.pid,
            "Redis": machines.redis.pid,
            "Ably's server": ably.pid,
        }
        self._looks: list[dict[str, float]] = []

    def look(self, crowd: Crowd) -> None:
        pids = self._pids | {"clients' links to Ably": crowd.pid}
        used = {name: seconds_on_core(pid) for name, pid in pids.items()} | {"clients": time.process_time()}
        rest = seconds_on_core(os.getpid()) - sum(used.values())  # every other process is a child of this one
        self._looks.append(used | {"manage.py rollout": rest, "by the clock": time.monotonic()})

    def spans(self) -> list[dict[str, float]]:
        """What each used between one look and the next."""
        pairs = zip(self._looks, self._looks[1:], strict=False)
        return [{name: later[name] - earlier[name] for name in later} for earlier, later in pairs]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench rollback", description=__doc__)
    parser.add_argument("--people", type=int, default=500, help="each with a page on Ably (default: %(default)s)")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds between two acts of a producer (%(default)s)")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    with on_ably(people=options.people, live=0) as (machines, ably):
        everybody_by_plan(machines)
        meter = Meter(machines, ably)
        done = asyncio.run(roll_back(machines, pace=options.pace, look=meter.look))
    tell(done)
    tell_used(*meter.spans())


def tell(done: RolledBack) -> None:
    """It comes here only where the checker of histories found nothing: lost, doubled or out of order."""
    print(f"{len(done.switched)} pages, {done.rows} rows: lost 0, twice 0")
    print("seconds" + " " * 47 + "     p50     p95     max")
    for name, found in (
        ("the command's start to the live stream", done.ordered),
        ("the rollback's commit to the live stream", done.switched),
        ("commit of the first row since to shown", done.shown),
    ):
        print(f"  {name:52}{quantiles(found)}")


def tell_used(before: dict[str, float], command: dict[str, float], switch: dict[str, float]) -> None:
    """`before`: while all are on Ably; `command`: from its start to its commit; `switch`: to the last live stream."""
    print("processor seconds" + " " * 24 + "on Ably, a second    to the commit     the switch")
    for name, used in switch.items():
        print(f"  {name:40}{before[name] / before['by the clock']:17.2f}{command[name]:17.2f}{used:15.2f}")


if __name__ == "__main__":
    main()
