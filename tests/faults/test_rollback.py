"""The quick rollback. `script/bench rollback` does it with 500 people."""

import pytest

from tests.faults.history import Path
from tests.faults.outage import machines_on_ably
from tests.faults.rollback import everybody_by_plan, roll_back
from tests.live.ably_server import AblyServer

pytestmark = [pytest.mark.faults, pytest.mark.services, pytest.mark.alone]

PEOPLE = 50
WITHIN = 5.0  # seconds until every page is served by SSE


@pytest.fixture
def machines(postgres, redis):
    with (
        AblyServer() as ably,
        machines_on_ably(postgres, redis, ably.key, ably.port, people=PEOPLE, live=0) as machines,
    ):
        everybody_by_plan(machines)
        yield machines


async def test_one_command_brings_every_page_to_sse_within_five_seconds_and_loses_nothing(machines):
    done = await roll_back(machines)
    assert done.transports == {"sse"}
    assert max(done.switched) < WITHIN
    assert max(done.shown) < WITHIN
    assert Path.ABLY not in done.late_ways
