"""What one notification costs PostgreSQL at a rate and with a number of hubs, each as in a web process of its own.

All hubs run in one process here, each with its own threads, connections and doorbell: two cores have no room for
sixteen processes. Where that process is busy several wakes become one look, so figures at the upper end are a lower
bound.
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

RATE = 200  # a second, of which the number of processes is measured
_SECONDS = 5


def measured_with(axis: str, size: int) -> dict[str, dict[str, float]]:
    """Return what is used where `size` notifications a second come, or where there are so many web processes."""
    from tests.live.site import DispatcherProcess

    _grown.build(1_000, 20, 10_000)
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        cursor.execute("UPDATE notificacao_rolloutflag SET percent = 0")
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    server = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
    rate, processes = (size, 1) if axis == "volume" else (RATE, size)
    url, redis = os.environ["DATABASE_URL"], os.environ["REDIS_URL"]
    with DispatcherProcess(url, REDIS_URL=redis, LOG_LEVEL="INFO", WAKES="true"):
        found = asyncio.run(_measure(rate, processes, server))
    print(f"{axis} {size}: {found}", file=sys.stderr, flush=True)
    return found


async def _measure(rate: int, processes: int, server: int) -> dict[str, dict[str, float]]:
    from notificacao import wakes
    from notificacao.stream.hub import Hub

    hubs = [Hub() for _ in range(processes)]
    tasks = [asyncio.create_task(work) for work in (*(hub.run() for hub in hubs), wakes.relay_and_listen([wakes.HUBS]))]
    seen: dict[int, float] = {}
    try:
        await eventually(lambda: all(hub.position.epoch for hub in hubs))
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
        statements, looks = await asyncio.to_thread(lambda: (_statements(), _statements("AS has_new_changes")))
        watch.cancel()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    created = await asyncio.to_thread(_created_after, before)
    late = [seen[min(at for at in seen if at >= seq)] - at for seq, at in created[rate // 2 :]]
    return {
        "one notification": {
            "statements": round((statements - idle * took) / len(created), 2),
            "p95_ms": round(1_000 * statistics.quantiles(late, n=20)[18], 1),
            "postgresql_core_ms": round(1_000 * busy / len(created), 2),
            "looks_of_a_hub": round(looks / processes / len(created), 3),
        },
        "an idle second": {"statements": round(idle, 1)},
    }


def _producer(rate: int) -> Sequence[str]:
    """Return the command of a producer, of rows to people and units in turn."""
    channels = [f"private:user:person-{n}:notifications" for n in range(900)]
    channels += [f"private:unit:unit-{n % 20}:notifications" for n in range(100)]
    file = Path(tempfile.gettempdir()) / f"growth-{os.getpid()}.txt"
    file.write_text("\n".join(channels))
    return [sys.executable, "-m", "benchmarks.producer", str(file), f"--rate={rate}", f"--seconds={_SECONDS}"]


async def _watch(hubs: Sequence, seen: dict[int, float]) -> None:
    """Note when the hub that is last has which seq."""
    while True:
        seen.setdefault(min(hub.position.seq for hub in hubs), time.time())
        await asyncio.sleep(0.002)


async def _idle() -> float:
    """Return the statements of a second in which nothing comes."""
    await asyncio.sleep(1)
    await asyncio.to_thread(_reset)
    await asyncio.sleep(4)
    return await asyncio.to_thread(_statements) / 4


def _reset() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_statements_reset()")


def _statements(text: str = "") -> int:
    """Return how many statements with that text were counted; BEGIN, COMMIT and SET are not."""
    with connection.cursor() as cursor:
        cursor.execute(
            r"SELECT sum(calls) FROM pg_stat_statements WHERE query ~* '^\s*(select|insert|update|delete|with)' "
            "AND strpos(query, %s) > 0",
            [text],
        )
        return int(cursor.fetchone()[0] or 0)


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
