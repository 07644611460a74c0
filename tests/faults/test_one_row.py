"""One row on its whole way: refused by Ably, settled as failed, told by a wake, written down streams that were open."""

import psycopg
import pytest

from tests.answering import Answering, answer
from tests.faults.history import Path
from tests.faults.machines import Machines, pages
from tests.faults.patient import Patient
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.services]

POLL = 30  # seconds
TOO_LARGE = {"error": {"code": 40009, "statusCode": 400, "message": "message too large"}}


@pytest.fixture
async def ably():
    """It answers probes, and refuses each message for a reason of the message's own."""
    server = Answering()
    server.says(200, [])
    server.to["POST"] = answer(400, TOO_LARGE)
    server.port = await server.start()
    yield server
    await server.stop()


@pytest.fixture
def machines(postgres, redis, ably):
    """Nobody polls while the test lasts, nobody gives up waiting for Ably, and no canary is missed."""
    settings = {"ABLY_PORT": str(ably.port), "DISPATCH_POLL": str(POLL), "CANARY_MISSES": "0"}
    with Machines(postgres, redis, size=1, web=Patient, **settings) as machines:
        yield machines


def settled(machines, public_id):
    """`(state, error, second of the epoch)`, once it is."""
    with psycopg.connect(machines.database) as connection:
        return connection.execute(
            "SELECT dispatch_state, error, extract(epoch FROM settled_at)::float8 FROM notificacao_notification"
            " WHERE public_id = %s AND settled_at IS NOT NULL",
            [public_id],
        ).fetchone()


async def test_what_ably_refuses_comes_down_every_open_stream_without_waiting_for_its_patience_to_end(machines, ably):
    await eventually(lambda: machines.breaker()[0] == "closed")
    async with pages(machines, (lambda: "standby",) * 4) as browsers:
        [row] = machines.producer.tell("send", channel=next(iter(machines.people[0]["hears"])))
        await eventually(lambda: all(browser.page.history.arrivals for browser in browsers), POLL - 5)
    state, error, settled_at = settled(machines, row["id"])
    assert (state, "40009" in error) == ("failed", True)
    assert machines.breaker()[0] == "closed"
    assert any(f"/channels/{row['channel']}/messages" in line for line, _ in ably.requests)
    assert any('"reason": "message"' in one.log() for one in machines.dispatchers)
    for browser in browsers:
        [arrival] = browser.page.history.arrivals
        assert (arrival.id, arrival.path, arrival.shown) == (row["id"], Path.STANDBY, True)
        assert settled_at <= arrival.at
        assert browser.page.connection == 1
