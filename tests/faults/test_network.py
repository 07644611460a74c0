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


@pytest.mark.parametrize("way", ["to_database", "to_web"])
async def test_a_way_to_or_from_a_web_process_is_spoilt_in_each_way_after_the_other(machines, way):
    spoilt = getattr(machines, way)
    async with trial(machines) as load:
        for fault, spoil in FAULTS.items():
            print(fault)  # how far it came, where it fails
            await load.delivered(100)
            spoil(spoilt)
            await load.delivered(300)
            spoilt.heal()
            await load.delivered(200)
