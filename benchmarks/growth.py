"""What grows with people, units, the log, its volume and web processes: a curve for each act, and its slope.

On each axis all else stays. A slope is the exponent by least squares on a doubly logarithmic scale: 0 is flat, 1 is
linear. It is given for the time and for the blocks that PostgreSQL looked at, which do not depend on what else the
machine does.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

AXES = {
    "people": (100, 1_000, 10_000, 50_000),
    "units": (10, 100, 500, 2_000),
    "rows": (10_000, 100_000, 1_000_000, 10_000_000),
    "volume": (20, 50, 100, 200),
    "processes": (1, 2, 4, 8, 16),
}
OF_HUBS = ("volume", "processes")
MEANWHILE = {"people": 1_000, "units": 20, "rows": 100_000}
STEEP = 0.3  # slopes beyond it are explained
_WITHIN = 1.5  # seconds for the repetitions of one act
Measured = dict[str, dict[str, float]]  # {act: {what: figure}}


def main() -> None:
    """Start the servers, run this module once more for each axis, and tell what it measured."""
    asked = arguments()
    if asked.here:
        return run(asked.here, getattr(asked, asked.here), rate=asked.rate, explain=asked.explain)
    from tests.live.postgres import PostgresServer
    from tests.live.redis import RedisServer

    found: dict[str, dict] = {}
    load = os.getloadavg()[0]
    with PostgresServer(fsync=False) as server, RedisServer() as redis:
        prepare(server)
        for axis in asked.axes:
            settings = {"DATABASE_URL": server.create_database(), "REDIS_URL": redis.url if axis in OF_HUBS else ""}
            found[axis] = measured_apart(settings, axis, getattr(asked, axis), asked)
            print(told(axis, found[axis]), flush=True)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load of the machine before: {load:.1f}")
    if asked.json:
        known = json.loads(asked.json.read_text()) if asked.json.exists() else {}
        merged = known | {axis: known.get(axis, {}) | sizes for axis, sizes in found.items()}
        asked.json.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n")
    if asked.svg and asked.json:
        from benchmarks._curves import drawn

        asked.svg.write_text(drawn(json.loads(asked.json.read_text())))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench growth", description=__doc__)
    parser.add_argument("--axes", type=lambda text: text.split(","), default=list(AXES), help=", ".join(AXES))
    for axis, sizes in AXES.items():
        words = ",".join(map(str, sizes))
        parser.add_argument(f"--{axis}", type=_sizes, default=sizes, metavar="N,…", help=f"default: {words}")
    parser.add_argument("--rate", type=int, default=200, help="notifications a second on the axis of processes")
    parser.add_argument("--json", type=Path, help="a file to which the measured sizes are added")
    parser.add_argument("--svg", type=Path, help="a file for the curves of all axes in the JSON file")
    parser.add_argument("--explain", action="store_true", help=f"show the plans of acts with a slope beyond {STEEP}")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


def prepare(server) -> None:
    """Start PostgreSQL anew, so that it counts its statements, and takes many rows fast."""
    import psycopg

    options = {
        "shared_preload_libraries": "pg_stat_statements",
        "max_wal_size": "8GB",
        "wal_level": "minimal",  # what is written into a table that the same transaction emptied goes to no log
        "max_wal_senders": "0",
        "autovacuum": "off",  # it would come in the middle of an act
    }
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for name, value in options.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    server.stop()
    server.start()


def measured_apart(settings: dict[str, str], axis: str, sizes: Sequence[int], asked) -> dict:
    """Return `{size: measured}` of one axis, from a process of its own."""
    words = [
        f"--{axis}={','.join(map(str, sizes))}",
        f"--here={axis}",
        f"--rate={asked.rate}",
        *["--explain"] * asked.explain,
    ]
    key = "semtas.bench:" + "s" * 32  # nothing is sent there: nobody publishes
    more = {"DEBUG": "true", "ABLY_API_KEY": key, "DISPATCHER": "external"}
    more |= {"DATABASE_POOL_MAX": "200", "DATABASE_POOL_RESERVED": "190"}  # for the threads of sixteen hubs
    environment = {**os.environ, **more, **settings}
    command = [sys.executable, "-m", "benchmarks.growth", *words]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run(axis: str, sizes: Sequence[int], *, rate: int, explain: bool) -> None:
    """Measure one axis, and print `{size: measured}`; what is explained goes to the standard error."""
    import django

    django.setup()
    if axis in OF_HUBS:
        from benchmarks._hubs import measured_with

        found = {size: measured_with(axis, size, rate) for size in sizes}
    else:
        found = {size: of_a_town(**{**MEANWHILE, axis: size}) for size in sizes}
        if explain:
            explain_the_steep(found, sizes[-1], {**MEANWHILE, axis: sizes[-1]}["rows"])
    print(json.dumps(found))


def of_a_town(people: int, units: int, rows: int) -> Measured:
    """Build a town, and return how long each act takes there, how many statements and blocks."""
    from benchmarks import _grown
    from benchmarks._acts import acts

    began = time.perf_counter()
    _grown.build(people, units, rows)
    size = f"{people:,} people, {units:,} units, {rows:,} rows of {_grown.bytes_a_row()} bytes"
    print(f"{size}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return {name: measured(act) for name, act in acts(rows).items()}


def measured(act) -> dict[str, float]:
    """Return the act's shortest time in ms, and of one run of it the statements and blocks that PostgreSQL counted."""
    from django.db import connection

    act()
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        cursor.execute("SELECT pg_stat_statements_reset()")
        act()
        cursor.execute(
            "SELECT sum(calls), sum(shared_blks_hit + shared_blks_read) FROM pg_stat_statements "
            "WHERE query NOT LIKE '%pg_stat_%'"
        )
        statements, blocks = map(int, cursor.fetchone())
    took: list[float] = []
    while len(took) < 5 and sum(took) < _WITHIN:
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return {"ms": round(1_000 * min(took), 2), "statements": statements, "blocks": blocks}


def slope(points: Iterable[tuple[float, float]]) -> float:
    """Return the exponent by least squares on a doubly logarithmic scale."""
    logs = [(math.log(x), math.log(max(y, 1e-9))) for x, y in points]
    mean_x, mean_y = (sum(column) / len(logs) for column in zip(*logs, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread if spread else 0.0


def slopes(found: dict) -> dict[str, dict[str, float]]:
    """Return `{act: {what: slope}}` of `{size: measured}`."""
    names = next(iter(found.values()))
    return {
        name: {
            what: slope((float(size), measured[name][what]) for size, measured in found.items()) for what in names[name]
        }
        for name in names
    }


def told(axis: str, found: dict) -> str:
    """Return the table of one axis: the first figure of each act at each size, and the slopes of all its figures."""
    of_all = slopes(found)
    lines = [f"\n{axis}: {'':28}" + "".join(f"{int(size):>14,}" for size in found) + "   slopes"]
    for name, each in of_all.items():
        first = next(iter(each))
        cells = "".join(f"{measured[name][first]:>14,.2f}" for measured in found.values())
        lines.append(f"{name:36}{cells}   " + ", ".join(f"{what} {figure:+.2f}" for what, figure in each.items()))
    return "\n".join(lines)


def explain_the_steep(found: dict, size: int, rows: int) -> None:
    """Show the plan of the longest statement of each act whose blocks or time grow."""
    from django.db import connection

    from benchmarks._acts import acts

    steep = {name for name, each in slopes(found).items() if max(each["ms"], each["blocks"]) > STEEP}
    for name, act in acts(rows).items():
        if name in steep:
            connection.force_debug_cursor = True
            connection.queries_log.clear()
            act()
            connection.force_debug_cursor = False
            longest = max(connection.queries, key=lambda query: float(query["time"]))
            print(f"\n=== {name} at {size:,}: {len(connection.queries)} statements", file=sys.stderr)
            _explain(longest["sql"])


def _explain(statement: str) -> None:
    from django.db import connection

    print(statement[:1_500], file=sys.stderr)
    if statement.lstrip("( \n").startswith(("SELECT", "WITH")):
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) " + statement.replace("%", "%%"))
            print(*(line for (line,) in cursor.fetchall()), sep="\n", file=sys.stderr)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")
    main()
