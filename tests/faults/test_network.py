"""Connections that are slow, held, cut, or swallow what they carry: to the database, and to the pages."""

import pytest

from tests.faults.machines import trial

pytestmark = [pytest.mark.faults, pytest.mark.services]

FAULTS = {
    "latency": lambda proxy: setattr(proxy, "latency", 0.15),
    "reset": lambda proxy: proxy.reset(),
    "hold": lambda proxy: proxy.hold(),
    "black hole": lambda proxy: proxy.swallow(),
    "half close": lambda proxy: proxy.half_close(),
    "slow line": lambda proxy: setattr(proxy, "pace", 6_000),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_way_from_a_web_process_to_the_database_is_spoilt(machines, fault):
    async with trial(machines) as load:
        await load.delivered(100)
        FAULTS[fault](machines.to_database)
        await load.delivered(300)
        machines.to_database.heal()
        await load.delivered(200)


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_way_from_the_pages_to_a_web_process_is_spoilt(machines, fault):
    async with trial(machines) as load:
        await load.delivered(100)
        FAULTS[fault](machines.to_web)
        await load.delivered(300)
        machines.to_web.heal()
        await load.delivered(200)
