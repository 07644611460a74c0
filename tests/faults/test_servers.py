"""PostgreSQL stopped and started, Redis gone for good, no wakes at all: slower at worst, and nothing is lost."""

import asyncio
import time

import httpx
import pytest

from notificacao.server import readiness
from tests.faults.machines import Machines, trial
from tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.faults, pytest.mark.services]

HEALTH_WITHIN = 2 * readiness.WITHIN  # seconds: it asks twice at most, and each wait is bounded


async def test_postgresql_is_stopped_and_started_and_open_streams_stay_open(machines):
    async with trial(machines) as load:
        await load.delivered(200)
        before = load.connections
        machines.postgres.stop()
        await load.tried(10)
        for _ in range(8):  # heartbeats, for longer than a page would bear silence
            await load.heard()
        machines.postgres.start()
        await load.delivered(200)
        assert load.connections == before


@pytest.mark.endurance
async def test_postgresql_crashes_and_recovers(machines):
    async with trial(machines) as load:
        await load.delivered(200)
        machines.postgres.kill()
        await load.tried(10)
        machines.postgres.start()
        await load.delivered(300)


@pytest.mark.endurance
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


@pytest.fixture(scope="class")
def unwaked(postgres, redis):
    with Machines(postgres, redis, all_behind=True, DATABASE_WAIT="1", WAKES="false") as machines:
        yield machines


@pytest.mark.endurance
class TestWithoutWakes:
    """Every process but the producer behind one way to PostgreSQL, and nobody is waked."""

    @pytest.fixture
    def machines(self, unwaked):
        unwaked.heal()
        return unwaked

    async def test_all_is_delivered(self, machines):
        async with trial(machines) as load:
            await load.delivered(500)

    @pytest.mark.parametrize("fault", [lambda one: one.postgres.freeze(), lambda one: one.to_database.swallow()])
    async def test_postgresql_answers_nobody_and_health_says_so_while_streams_stay_open(self, machines, fault):
        """Every process of the server's is frozen, or whatever hubs and dispatchers ask it is swallowed on the way."""
        async with trial(machines) as load:
            await load.delivered(200)
            before = load.connections
            fault(machines)
            answers = await asyncio.gather(*(health_of(web) for web in machines.webs))
            assert [status for status, _ in answers] == [503, 503]
            assert max(took for _, took in answers) < HEALTH_WITHIN
            for _ in range(8):
                await load.heard()
            machines.heal()
            await eventually(lambda: all(web.ready() for web in machines.webs))
            await load.delivered(300)
            assert load.connections == before


async def health_of(web) -> tuple[int, float]:
    """The status with which it first says that it is not ready, and the seconds that this answer took."""
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        while True:
            begun = time.monotonic()
            status = (await http.get(f"{web.address}/health/ready")).status_code
            if status != 200:
                return status, time.monotonic() - begun
