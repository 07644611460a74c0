"""The Ably server killed and started again in the middle of a burst: what is lost, what comes twice, how late."""

import argparse
import asyncio
import os
import platform
import statistics

from tests.faults.outage import Noticed, Outage, machines_on_ably
from tests.live.ably_server import AblyServer
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench outage", description=__doc__)
    parser.add_argument("--people", type=int, default=200, help="each with a page on Ably (default: %(default)s)")
    parser.add_argument("--live", type=int, default=5, help="pages of each on SSE beside it (default: %(default)s)")
    return parser.parse_args()


async def kill_and_start(outage: Outage, ably: AblyServer) -> Noticed:
    async def kill():
        ably.kill()

    async def start():
        ably.start()

    return await outage.of(kill, start)


def main() -> None:
    options = arguments()
    load_before = os.getloadavg()[0]
    with (
        PostgresServer(fsync=False) as postgres,
        RedisServer() as redis,
        AblyServer() as ably,
        machines_on_ably(postgres, redis, ably.key, ably.port, people=options.people, live=options.live) as machines,
    ):
        noticed = asyncio.run(kill_and_start(Outage(machines, options.live), ably))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load of the machine before: {load_before:.1f}")
    tell(noticed)


def tell(noticed: Noticed) -> None:
    """It comes here only where the checker of histories found nothing: lost, doubled or out of order."""
    print(
        f"{noticed.streams} streams, {noticed.on_ably} of them beside Ably; {noticed.rows} rows, {noticed.shown} shown"
    )
    print("lost 0, twice 0")
    print(f"away for {noticed.away:.1f} s; breaker open after {noticed.opened_after:.2f} s: {noticed.reason}")
    print("shown on pages on Ably by " + ", ".join(f"{path} {count}" for path, count in noticed.paths.most_common()))
    print("seconds" + " " * 48 + "  rows     p50     p95     max")
    for name, found in (
        ("first row while Ably was away: commit to shown", noticed.first),
        ("rows while it was away: later than in the live lane", noticed.behind),
        ("rows since then: later than in the live lane", noticed.behind_after),
    ):
        cuts = statistics.quantiles(found, n=20)
        print(f"  {name:53}{len(found):6}" + "".join(f"{figure:8.2f}" for figure in (cuts[9], cuts[18], max(found))))


if __name__ == "__main__":
    main()
