"""Everybody on Ably, and one command back to SSE: how soon each page is there, what is lost, what comes twice."""

import argparse
import asyncio
import os
import platform
import statistics

from tests.faults.outage import machines_on_ably
from tests.faults.rollback import RolledBack, everybody_by_plan, roll_back
from tests.live.ably_server import AblyServer
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench rollback", description=__doc__)
    parser.add_argument("--people", type=int, default=500, help="each with a page on Ably (default: %(default)s)")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds between two acts of a producer (%(default)s)")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    load_before = os.getloadavg()[0]
    with (
        PostgresServer(fsync=False) as postgres,
        RedisServer() as redis,
        AblyServer() as ably,
        machines_on_ably(postgres, redis, ably.key, ably.port, people=options.people, live=0) as machines,
    ):
        everybody_by_plan(machines)
        done = asyncio.run(roll_back(machines, pace=options.pace))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load of the machine before: {load_before:.1f}")
    tell(done)


def tell(done: RolledBack) -> None:
    """It comes here only where the checker of histories found nothing: lost, doubled or out of order."""
    print(f"{len(done.switched)} pages, {done.rows} rows: lost 0, twice 0")
    print("seconds" + " " * 47 + "     p50     p95     max")
    for name, found in (
        ("the rollback's commit to the live stream", done.switched),
        ("commit of the first row since to shown", done.shown),
    ):
        cuts = statistics.quantiles(found, n=20)
        print(f"  {name:52}" + "".join(f"{figure:8.2f}" for figure in (cuts[9], cuts[18], max(found))))


if __name__ == "__main__":
    main()
