"""What one notification costs PostgreSQL at a rate and with a number of hubs, each as in a web process of its own.

The hubs share a few processes here, each with its own threads, connections, doorbell and share of the people: two cores
have no room for sixteen whole ones. Where those are busy several wakes become one look, so figures at the upper end are
a lower bound: `looks_of_a_hub` tells it, which a further process leaves alone where all keep up.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from django.db import connection

from benchmarks import _grown
from benchmarks.served import seconds_on_core
from tests.waiting import eventually

_SECONDS = 5
_PEOPLE, _UNITS = 900, 20
_PERSONAL, _OF_UNIT = "private:user:person-{}:notifications", "private:unit:unit-{}:notifications"
_HUBS_EACH = 5  # of those beside the first, in one process
_IS_COUNTED = r"query ~* '^\s*(select|insert|update|delete|with)'"  # not BEGIN, COMMIT and SET
# The first that fits, by what stands in the statement.
_KINDS = {
    "look": ("has_new_changes",),
    "settled rows": ('"dispatch_state" FROM "notificacao_notification"',),
    "flag, breaker, budget": ("rolloutflag", "breakerstate", "costgovernor"),
    "producer": ('INSERT INTO "notificacao_notification"', "notificacao_unit", "notificacao_person"),
    "stamp": ("seq IS NULL", "WHERE id = 1", "notificacao_channel"),
    "lease": ("dispatcherlease",),
    "others": ("",),
}


def measured_with(axis: str, size: int, rate: int) -> dict[str, dict[str, float]]:
    """Return what is used at `size` notifications a second, or with so many web processes at `rate`."""
    from tests.live.site import DispatcherProcess

    _grown.build(1_000, 20, 10_000)
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        cursor.execute("UPDATE notificacao_rolloutflag SET percent = 0")
        cursor.execute("DELETE FROM notificacao_connection")  # of the hubs of an earlier size
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    server = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
    rate, processes = (size, 1) if axis == "volume" else (rate, size)
    url, redis = os.environ["DATABASE_URL"], os.environ["REDIS_URL"]
    with DispatcherProcess(url, REDIS_URL=redis, LOG_LEVEL="INFO", WAKES="true"):
        found = asyncio.run(_measure(rate, processes, server))
    print(f"{axis} {size}: {found}", file=sys.stderr, flush=True)
    return found


async def _measure(rate: int, processes: int, server: int) -> dict[str, dict[str, float]]:
    from notificacao import wakes
    from notificacao.stream.hub import Hub

    hubs = [Hub()]
    others = [await _beside(first, number, processes) for first, number in _shares(processes)]
    tasks = [asyncio.create_task(work) for work in (*(hub.run() for hub in hubs), wakes.relay_and_listen([wakes.HUBS]))]
    seen: dict[int, float] = {}
    try:
        await eventually(lambda: all(hub.position.epoch for hub in hubs))
        _seat(hubs, 0, processes)
        before = hubs[0].position.seq
        idle = await _idle()
        watch = asyncio.create_task(_watch(hubs, seen))
        busy, began = seconds_on_core(server), time.monotonic()
        await asyncio.to_thread(_reset)
        producer = await asyncio.create_subprocess_exec(*_producer(rate), stdout=subprocess.DEVNULL)
        await producer.wait()
        head = await asyncio.to_thread(_head)
        await eventually(lambda: all(hub.position.seq >= head for hub in hubs))
        took, busy = time.monotonic() - began, seconds_on_core(server) - busy
        counted = await asyncio.to_thread(_by_kind)
        watch.cancel()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for other in others:
            other.kill()
            await other.wait()
    created = await asyncio.to_thread(_created_after, before)
    late = [seen[min(at for at in seen if at >= seq)] - at for seq, at in created[rate // 2 :]]
    busy_only = {kind: (calls - idle[kind] * took) / len(created) for kind, calls in counted.items()}
    return {
        "one notification": {
            "statements": round(sum(busy_only.values()), 2),
            "a_second": round((len(created) - 1) / (created[-1][1] - created[0][1]), 1),  # less than asked: saturated
            "p95_ms": round(1_000 * statistics.quantiles(late, n=20)[18], 1),
            "postgresql_core_ms": round(1_000 * busy / len(created), 2),
            "looks_of_a_hub": round(counted["look"] / processes / len(created), 3),
        },
        "its statements": {kind: round(calls, 2) for kind, calls in busy_only.items()},
        "an idle second": {"statements": round(sum(idle.values()), 1)},
    }


def _shares(hubs: int) -> list[tuple[int, int]]:
    """Return the first of `hubs` that each process beside this one has, and how many."""
    return [(first, min(_HUBS_EACH, hubs - first)) for first in range(1, hubs, _HUBS_EACH)]


def _seat(hubs: Sequence, first: int, of: int) -> None:
    """Give `hubs`, which are those from `first` on, their share of the people: each hub has somebody of every unit."""
    from notificacao.stream.authorisation import Grant

    for number, hub in enumerate(hubs, first):
        for n in range(number, _PEOPLE, of):
            names = (_PERSONAL.format(n), _OF_UNIT.format(n // of % _UNITS), "system:notifications")
            grant = Grant(n + 1, dict.fromkeys(names, 0), {}, hub.position, assigned=False)
            seated = hub.registry.add_subscriber(grant)
            seated.authorised_at = time.monotonic() + 60  # nobody asks again meanwhile


async def _beside(first: int, hubs: int, of: int) -> asyncio.subprocess.Process:
    """Return a process in which so many hubs follow the log."""
    command = [sys.executable, "-m", "benchmarks._hubs", str(first), str(hubs), str(of)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def _follow(first: int, hubs: int, of: int) -> None:
    """Run so many hubs, those of the number `first` and after it, and say so once each has its position."""
    from notificacao import wakes
    from notificacao.stream.hub import Hub

    following = [Hub() for _ in range(hubs)]
    async with asyncio.TaskGroup() as tasks:
        for work in (*(hub.run() for hub in following), wakes.relay_and_listen([wakes.HUBS])):
            tasks.create_task(work)
        await eventually(lambda: all(hub.position.epoch for hub in following))
        _seat(following, first, of)
        print("ready", flush=True)


def _producer(rate: int) -> Sequence[str]:
    """Return the command of a producer, of rows to people and units in turn."""
    channels = [_PERSONAL.format(n) for n in range(_PEOPLE)]
    channels += [_OF_UNIT.format(n % _UNITS) for n in range(_PEOPLE // 9)]
    file = Path(tempfile.gettempdir()) / f"growth-{os.getpid()}.txt"
    file.write_text("\n".join(channels))
    return [sys.executable, "-m", "benchmarks.producer", str(file), f"--rate={rate}", f"--seconds={_SECONDS}"]


async def _watch(hubs: Sequence, seen: dict[int, float]) -> None:
    """Note when the hub that is last has which seq."""
    while True:
        seen.setdefault(min(hub.position.seq for hub in hubs), time.time())
        await asyncio.sleep(0.002)


async def _idle() -> dict[str, float]:
    """Return the statements of a second in which nothing comes, by kind."""
    await eventually(lambda: asyncio.to_thread(_all_are_reported))
    await asyncio.sleep(1)
    await asyncio.to_thread(_reset)
    await asyncio.sleep(4)
    return {kind: calls / 4 for kind, calls in (await asyncio.to_thread(_by_kind)).items()}


def _all_are_reported() -> bool:
    """Tell whether every hub has reported who is there, which it does once."""
    from notificacao.models import Connection

    return Connection.objects.count() >= _PEOPLE


def _reset() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_statements_reset()")


def _by_kind() -> dict[str, int]:
    """Return how many statements of each kind were counted; BEGIN, COMMIT and SET are none."""
    counted = dict.fromkeys(_KINDS, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT query, calls FROM pg_stat_statements WHERE " + _IS_COUNTED + " AND strpos(query, 'pg_stat_') = 0"
        )
        for query, calls in cursor.fetchall():
            counted[next(kind for kind, words in _KINDS.items() if any(word in query for word in words))] += calls
    return counted


def _head() -> int:
    """Return the log's last seq once nothing waits for its stamp."""
    from notificacao import eventlog
    from notificacao.models import Notification

    while Notification.objects.filter(seq=None).exists():
        time.sleep(0.05)
    return eventlog.head().seq


def _created_after(seq: int) -> list[tuple[int, float]]:
    from notificacao.models import Notification

    rows = Notification.objects.filter(seq__gt=seq).order_by("seq").values_list("seq", "created_at")
    return [(seq, created_at.timestamp()) for seq, created_at in rows if seq is not None]


if __name__ == "__main__":
    import django

    django.setup()
    asyncio.run(_follow(*map(int, sys.argv[1:])))
