"""Processes that are killed, frozen or told to end at whatever moment, and whose clocks jump, all under load: nothing
is lost, doubled, or out of order.
"""

import asyncio

import pytest

from tests.faults.clock import Clock
from tests.faults.machines import trial

pytestmark = [pytest.mark.faults, pytest.mark.services]

HOUR = 3_600  # seconds


@pytest.mark.endurance
async def test_without_a_fault_all_is_delivered(machines):
    async with trial(machines) as load:
        await load.delivered(500)


async def test_the_leading_dispatcher_is_killed(machines):
    async with trial(machines) as load:
        await load.delivered(100)
        (await load.leader()).kill()
        await load.delivered(500)


async def test_the_leading_dispatcher_is_frozen_and_wakes_up_when_another_leads(machines):
    async with trial(machines) as load:
        await load.delivered(100)
        frozen = await load.leader()
        frozen.freeze()
        await load.delivered(500)
        frozen.thaw()
        await load.delivered(500)


async def test_a_web_process_is_killed_and_its_pages_go_to_the_other(machines):
    async with trial(machines) as load:
        await load.delivered(100)
        machines.webs[0].kill()
        await load.delivered(500)


@pytest.mark.endurance
async def test_a_web_process_is_frozen_and_wakes_up(machines):
    async with trial(machines) as load:
        await load.delivered(100)
        machines.webs[0].freeze()
        await load.delivered(500)
        machines.webs[0].thaw()
        await load.delivered(300)


@pytest.mark.endurance
async def test_the_leader_and_a_web_process_are_killed_again_and_again(machines):
    async with trial(machines) as load:
        for web in machines.webs:
            leader = await load.leader()
            leader.kill()
            web.kill()
            await load.delivered(200)
            leader.start()
            web.start()
            await load.delivered(200)


async def test_a_rolling_restart_loses_nothing(machines):
    async with trial(machines) as load:
        for web in machines.webs:
            await load.delivered(200)
            assert await asyncio.to_thread(web.terminate) == 0, web.log()[-4_000:]
            await asyncio.to_thread(web.start)
        await load.delivered(200)


# --- Told to end: each does so within its time


@pytest.mark.endurance
@pytest.mark.parametrize("ends", [2, 6])
async def test_each_leader_that_is_told_to_end_does_so_under_load(machines, ends):
    async with trial(machines) as load:
        for _ in range(ends):
            await load.delivered(30)
            leader = await load.leader()
            assert await asyncio.to_thread(leader.terminate) == 0, leader.log()[-4_000:]
            await asyncio.to_thread(leader.start)


@pytest.mark.endurance
async def test_each_web_process_that_is_told_to_end_does_so_again_and_again_with_its_streams_open(machines):
    """Once each does so in the rolling restart."""
    async with trial(machines) as load:
        for turn in range(6):
            await load.delivered(30)
            web = machines.webs[turn % 2]
            assert await asyncio.to_thread(web.terminate) == 0, web.log()[-4_000:]
            await asyncio.to_thread(web.start)


@pytest.mark.endurance
@pytest.mark.parametrize("server", ["postgres", "redis"])
async def test_each_ends_while_a_server_hangs(machines, server):
    async with trial(machines) as load:
        await load.delivered(30)
    getattr(machines, server).freeze()
    processes = (*machines.dispatchers, *machines.webs)
    await asyncio.gather(*(asyncio.to_thread(process.terminate) for process in processes))


# --- Clocks: the database's is the one that counts


@pytest.fixture
def clock(machines, tmp_path):
    """That of the first web process, and of the dispatcher that leads."""
    clock = Clock(tmp_path)
    odd = machines.webs[0], machines.dispatchers[0]
    before = [process.environment for process in odd]
    for process in (*odd, machines.dispatchers[1]):
        process.kill()
    for process in odd:
        process.environment = process.environment | clock.environment
        process.launch()
    for process in odd:
        process.wait_until_ready()
    machines.heal()
    yield clock
    for process, environment in zip(odd, before, strict=True):
        process.kill()
        process.environment = environment


@pytest.mark.endurance
async def test_the_clocks_of_a_web_process_and_of_a_dispatcher_jump_ahead_and_back(machines, clock):
    """Half an hour is what some notices have to live: a clock that is an hour ahead must not end them."""
    async with trial(machines) as load:
        for seconds in (HOUR, -HOUR, 0):
            clock.jump(seconds)
            await load.delivered(400)
