"""Servers and processes of a benchmark in which many people are on Ably, and the line that says where it ran."""

import contextlib
import os
import platform
import statistics
from collections.abc import Iterator

from tests.faults.machines import Machines
from tests.faults.outage import machines_on_ably
from tests.live.ably_server import AblyServer
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer


@contextlib.contextmanager
def on_ably(*, people: int, live: int) -> Iterator[tuple[Machines, AblyServer]]:
    """All of them, ended with the block; then a line tells the machine and how busy it was before."""
    load_before = os.getloadavg()[0]
    with (
        PostgresServer(fsync=False) as postgres,
        RedisServer() as redis,
        AblyServer() as ably,
        machines_on_ably(postgres, redis, ably.key, ably.port, people=people, live=live) as machines,
    ):
        yield machines, ably
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load of the machine before: {load_before:.1f}")


def quantiles(found: list[float]) -> str:
    """Columns p50, p95, max, of eight characters each."""
    cuts = statistics.quantiles(found, n=20)
    return "".join(f"{figure:8.2f}" for figure in (cuts[9], cuts[18], max(found)))
