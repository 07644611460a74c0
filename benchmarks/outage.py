"""The Ably server killed and started again in the middle of a burst: what is lost, what comes twice, how late."""

import argparse
import asyncio

from benchmarks._machines import on_ably, quantiles
from tests.faults.outage import Noticed, Outage
from tests.live.ably_server import AblyServer


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
    with on_ably(people=options.people, live=options.live) as (machines, ably):
        noticed = asyncio.run(kill_and_start(Outage(machines, options.live), ably))
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
        print(f"  {name:53}{len(found):6}{quantiles(found)}")


if __name__ == "__main__":
    main()
