"""One row on its whole way: refused by Ably, settled as failed, told by a wake, written down streams that were open."""

import time

import psycopg
import pytest

from notificacao.stream.standby import PATIENCE
from tests.answering import Answering, answer
from tests.faults.history import Path
from tests.faults.machines import Machines, pages
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.services]

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
    """Nobody polls while the test lasts, and no canary is missed."""
    settings = {"ABLY_PORT": str(ably.port), "DISPATCH_POLL": "30", "CANARY_MISSES": "0"}
    with Machines(postgres, redis, size=1, **settings) as machines:
        yield machines


def settled(machines, public_id):
    """`(state, error, second of the epoch)`, once it is."""
    with psycopg.connect(machines.database) as connection:
        return connection.execute(
            "SELECT dispatch_state, error, extract(epoch FROM settled_at)::float8 FROM notificacao_notification"
            " WHERE public_id = %s AND settled_at IS NOT NULL",
            [public_id],
        ).fetchone()


async def test_what_ably_refuses_comes_down_every_open_stream_before_its_patience_ends(machines, ably):
    await eventually(lambda: machines.breaker()[0] == "closed", 30)
    async with pages(machines, (lambda: "standby",) * 4) as browsers:
        [row] = machines.producer.tell("send", channel=next(iter(machines.people[0]["hears"])))
        committed_at = time.time() - (time.monotonic() - row["ended"])
        await eventually(lambda: all(browser.page.history.arrivals for browser in browsers))
    state, error, settled_at = settled(machines, row["id"])
    assert (state, "40009" in error) == ("failed", True)
    assert machines.breaker()[0] == "closed"
    assert any(f"/channels/{row['channel']}/messages" in line for line, _ in ably.requests)
    assert any('"reason": "message"' in log and row["id"] in log for log in (one.log() for one in machines.dispatchers))
    for browser in browsers:
        [arrival] = browser.page.history.arrivals
        assert (arrival.id, arrival.path, arrival.shown) == (row["id"], Path.STANDBY, True)
        assert settled_at <= arrival.at < committed_at + PATIENCE
        assert browser.page.connection == 1
