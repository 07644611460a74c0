"""PostgreSQL stopped and started, Redis gone for good, no wakes at all: slower at worst, and nothing is lost."""

import pytest

from tests.faults.machines import Machines, trial

pytestmark = [pytest.mark.faults, pytest.mark.services]


async def test_postgresql_is_stopped_and_started_and_open_streams_stay_open(machines):
    async with trial(machines) as load:
        await load.delivered(200)
        before = load.connections
        machines.postgres.stop()
        await load.tried(10)
        for _ in range(8):  # heartbeats, of which a page misses at most four in a row before it leaves
            await load.heard()
        machines.postgres.start()
        await load.delivered(200)
        assert load.connections == before


async def test_postgresql_crashes_and_recovers(machines):
    async with trial(machines) as load:
        await load.delivered(200)
        machines.postgres.kill()
        await load.tried(10)
        machines.postgres.start()
        await load.delivered(300)


async def test_postgresql_is_frozen_and_wakes_up(machines):
    async with trial(machines) as load:
        await load.delivered(200)
        before = load.connections
        machines.postgres.freeze()
        for _ in range(8):
            await load.heard()
        machines.postgres.thaw()
        await load.delivered(300)
        assert load.connections == before


async def test_redis_is_gone_for_good(machines):
    async with trial(machines) as load:
        await load.delivered(200)
        machines.redis.kill()
        await load.delivered(800)


async def test_without_any_wake_all_is_delivered(postgres, redis):
    with Machines(postgres, redis, WAKES="false") as machines:
        async with trial(machines) as load:
            await load.delivered(500)
