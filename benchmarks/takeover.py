"""Seconds until the next row is stamped after a leader is killed, ended or frozen, and is shown without Redis."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from statistics import median

from tests.dispatcher.many import Machines, Stream, stamps_again
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.waiting import eventually

TIMES = 5
_BREAKS = ("kill", "terminate", "freeze")


async def _after(machines: Machines, how: str, number: int) -> float:
    machines.repair()
    leader, _ = await eventually(machines.leader_and_standby)
    getattr(leader, how)()
    try:
        return await stamps_again(machines, f"{how} {number}")
    finally:
        if how == "freeze":
            leader.thaw()


async def _without_redis(machines: Machines) -> list[float]:
    machines.repair()
    await eventually(machines.leader_and_standby)
    stream = Stream(machines.sites[0])
    machines.redis.kill()
    return [await _shown(machines.send, stream, f"sem Redis {number}") for number in range(TIMES)]


async def _shown(send: Callable[[str], str], stream: Stream, title: str) -> float:
    sent = time.monotonic()
    send(title)
    await eventually(lambda: title in stream.titles)
    return stream.titles[title] - sent


async def _measure(machines: Machines) -> None:
    figures = {how: [await _after(machines, how, number) for number in range(TIMES)] for how in _BREAKS}
    figures["no Redis"] = await _without_redis(machines)
    for name, seconds in figures.items():
        print(f"{name:10} median {median(seconds):5.2f} s, longest {max(seconds):5.2f} s, {len(seconds)} times")


def main() -> None:
    with (
        PostgresServer() as postgres,
        RedisServer() as redis,
        contextlib.closing(Machines(postgres, redis)) as machines,
    ):
        asyncio.run(_measure(machines))


if __name__ == "__main__":
    main()
