"""Ably goes away in the middle of a burst, in each of its ways: nothing is lost, nothing comes twice, and what comes
next comes over the stream that is already open.

`script/bench outage` runs the first of these with 1,000 pages on SSE beside 200 on Ably.
"""

import pytest

from tests.answering import Answering
from tests.faults.crowd import IMPATIENT
from tests.faults.hurried import Hurried
from tests.faults.outage import WITHIN, Outage, Tenth, machines_on_ably
from tests.faults.proxy import Proxy
from tests.faults.rehearsal import OUT_OF_USE, Plan
from tests.live.tls import self_signed
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.services]

PEOPLE, LIVE = 8, 1


@pytest.fixture(scope="module")
def crowded(postgres, redis, ably):
    server, way = ably
    settings = {"RATE_CALLS": "1000", "dispatcher": Hurried}
    with machines_on_ably(postgres, redis, server.key, way.port, people=PEOPLE, live=LIVE, **settings) as machines:
        yield machines


@pytest.fixture
def outage(crowded):
    return Outage(crowded, LIVE, **IMPATIENT)


def nobody_waits(noticed) -> None:
    assert len(noticed.first) > PEOPLE / 2  # so many pages got a row while Ably was away
    assert max(noticed.behind) < WITHIN
    assert max(noticed.behind_after) < WITHIN


async def test_the_server_is_killed_and_started_again(crowded, ably):
    server, _ = ably
    outage = Outage(crowded, LIVE)  # with the SDK's own patience

    async def kill():
        server.kill()

    async def start():
        server.start()

    noticed = await outage.of(kill, start)
    nobody_waits(noticed)
    assert "fora de alcance" in noticed.reason


@pytest.mark.endurance
async def test_everything_that_is_sent_there_vanishes(outage, ably):
    _, way = ably

    async def swallow():
        way.swallow()

    async def heal():
        way.heal()

    noticed = await outage.of(swallow, heal)
    nobody_waits(noticed)


@pytest.mark.endurance
async def test_every_answer_comes_800_ms_late(outage, ably):
    _, way = ably

    async def slow_down():
        way.latency = 0.4  # each way

    async def heal():
        way.heal()

    noticed = await outage.of(slow_down, heal)
    nobody_waits(noticed)
    assert "levou" in noticed.reason


@pytest.mark.endurance
@pytest.mark.parametrize("status", [429, 500])
async def test_every_request_is_answered_with(outage, ably, status):
    server, way = ably
    instead = Answering()
    instead.says(status, {"error": {"code": status * 100, "statusCode": status, "message": "no"}})
    port = await instead.start()

    async def answer_instead():
        way.target = port
        way.reset()

    async def lead_back():
        way.target = server.port
        way.reset()

    noticed = await outage.of(answer_instead, lead_back)
    await instead.stop()
    nobody_waits(noticed)
    assert f"código {status * 100}" in noticed.reason or "sondas seguidas sem volta" in noticed.reason


@pytest.mark.endurance
async def test_answers_that_come_800_ms_late_or_not_at_all_and_the_plan_stays_where_it_is(crowded, outage, ably):
    _, way = ably
    await eventually(lambda: crowded.breaker()[0] == "closed")
    plan = Plan(crowded, [50, 100], 2)
    before = plan.standing()

    async def spoil():
        way.latency, way.cuts_off = 0.4, Tenth()

    async def look_and_mend():
        await eventually(lambda: plan.says(OUT_OF_USE))
        way.heal()

    noticed = await outage.of(spoil, look_and_mend)
    assert max(noticed.behind) < WITHIN
    assert plan.standing().place == before.place


@pytest.fixture(scope="module")
def over_tls(postgres, redis, ably, tmp_path_factory):
    """`(outage, way, trusted port, untrusted port)`: Ably behind TLS, with a certificate that everybody trusts."""
    server, _ = ably
    folder = tmp_path_factory.mktemp("certificates")
    authority = folder / "trusted.pem"
    with (
        Proxy(server.port, self_signed(authority)) as trusted,
        Proxy(server.port, self_signed(folder / "untrusted.pem")) as untrusted,
        Proxy(trusted.port) as way,
    ):
        settings = {"ABLY_TLS": "true", "SSL_CERT_FILE": str(authority), "ABLY_SLOW_AFTER": "30"}  # TLS alone fails
        with machines_on_ably(postgres, redis, server.key, way.port, people=PEOPLE, live=LIVE, **settings) as machines:
            outage = Outage(machines, LIVE, NODE_EXTRA_CA_CERTS=str(authority), **IMPATIENT)
            yield outage, way, trusted.port, {"a certificate that nobody trusts": untrusted.port, "no TLS": server.port}


@pytest.mark.endurance
@pytest.mark.parametrize("answer", ["a certificate that nobody trusts", "no TLS"])
async def test_tls_fails_with(over_tls, answer):
    outage, way, trusted, ports = over_tls

    async def fail():
        way.target = ports[answer]
        way.reset()

    async def lead_back():
        way.target = trusted
        way.reset()

    noticed = await outage.of(fail, lead_back)
    nobody_waits(noticed)
    assert "SSL" in noticed.reason
