"""Clocks of processes that jump: the database's clock is the one that counts."""

import pytest

from tests.faults.clock import Clock
from tests.faults.machines import Machines, trial

pytestmark = [pytest.mark.faults, pytest.mark.services]

HOUR = 3_600  # seconds


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


async def test_the_clocks_of_a_web_process_and_of_a_dispatcher_jump_ahead_and_back(postgres, redis, clock):
    """Half an hour is what some notices have to live: a clock that is an hour ahead must not end them."""
    with Machines(postgres, redis, odd=clock.environment) as machines:
        async with trial(machines) as load:
            for seconds in (HOUR, -HOUR, 0):
                clock.jump(seconds)
                await load.delivered(400)
