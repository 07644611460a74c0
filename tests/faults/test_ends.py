"""Processes that are told to end, under load and while their servers hang: each ends within its time."""

import asyncio

import pytest

from tests.faults.machines import trial

pytestmark = [pytest.mark.faults, pytest.mark.services]


@pytest.mark.parametrize("ends", [2, pytest.param(6, marks=pytest.mark.endurance)])
async def test_each_leader_that_is_told_to_end_does_so_under_load(machines, ends):
    async with trial(machines) as load:
        for _ in range(ends):
            await load.delivered(30)
            leader = await load.leader()
            assert await asyncio.to_thread(leader.terminate) == 0, leader.log()[-4_000:]
            await asyncio.to_thread(leader.start)


@pytest.mark.endurance
async def test_each_web_process_that_is_told_to_end_does_so_again_and_again_with_its_streams_open(machines):
    """Once each does `test_kill.py`'s rolling restart."""
    async with trial(machines) as load:
        for turn in range(6):
            await load.delivered(30)
            web = machines.webs[turn % 2]
            assert await asyncio.to_thread(web.terminate) == 0, web.log()[-4_000:]
            await asyncio.to_thread(web.start)


@pytest.mark.parametrize("server", ["postgres", "redis"])
async def test_each_ends_while_a_server_hangs(machines, server):
    async with trial(machines) as load:
        await load.delivered(30)
    getattr(machines, server).freeze()
    processes = (*machines.dispatchers, *machines.webs)
    await asyncio.gather(*(asyncio.to_thread(process.terminate) for process in processes))
