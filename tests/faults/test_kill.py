"""Processes that are killed or frozen at whatever moment, under load: nothing is lost, doubled, or out of order."""

import pytest

from tests.faults.machines import trial

pytestmark = [pytest.mark.faults, pytest.mark.services]


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
            assert web.terminate() == 0
            web.start()
        await load.delivered(200)
