"""Two dispatchers and two web processes on PostgreSQL and Redis: who leads, and what goes on when anything breaks.

`script/bench takeover` says how long each takes.
"""

import contextlib

import pytest

from tests.dispatcher.many import Machines, Stream, stamps_again
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.waiting import eventually

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def all_machines():
    with (
        PostgresServer() as postgres,
        RedisServer() as redis,
        contextlib.closing(Machines(postgres, redis)) as machines,
    ):
        yield machines


@pytest.fixture
async def machines(all_machines):
    """All of them running, one dispatcher leading, whatever the test before broke."""
    all_machines.repair()
    await eventually(all_machines.leader_and_standby)
    return all_machines


async def test_one_dispatcher_leads_and_both_sites_hear_what_is_sent(machines):
    streams = [Stream(site) for site in machines.sites]
    sent = [f"Primeiro {number}" for number in range(10)]
    for title in sent:
        assert machines.send(title) == "committed"
    await eventually(lambda: all(len(stream.titles) == 10 for stream in streams))
    assert [list(stream.titles) for stream in streams] == [sent, sent]


async def test_a_leader_that_is_killed_is_followed_by_the_standby(machines):
    leader, standby = machines.leader_and_standby()
    leader.kill()
    await stamps_again(machines, "após a queda")
    assert standby.leads


async def test_a_leader_that_is_told_to_end_gives_the_lead_away(machines):
    leader, standby = machines.leader_and_standby()
    assert leader.terminate() == 0
    await stamps_again(machines, "após o fim")
    assert standby.leads


async def test_a_frozen_leader_is_replaced_and_writes_nothing_when_it_wakes_up(machines):
    """It freezes with rows on their way, and thaws among others."""
    leader, standby = machines.leader_and_standby()
    sent = [f"Gelo {number}" for number in range(40)]
    for title in sent[:20]:
        machines.send(title)
    leader.freeze()
    await stamps_again(machines, "no gelo")
    leader.thaw()
    for title in sent[20:]:
        machines.send(title)
    await eventually(lambda: not leader.leads and set(sent) <= dict(machines.stamped()).keys())
    assert standby.leads
    seqs = [seq for _, seq in machines.stamped()]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_without_redis_all_comes(machines):
    streams = [Stream(site) for site in machines.sites]
    machines.redis.kill()
    sent = [f"Sem Redis {number}" for number in range(5)]
    for title in sent:
        assert machines.send(title) == "committed"
    await eventually(lambda: all(set(sent) <= stream.titles.keys() for stream in streams))
    machines.redis.start()
    leader, _ = machines.leader_and_standby()
    await eventually(lambda: machines.send("E de novo") and "wakes_cross_again" in leader.log())


async def test_when_postgresql_is_restarted_streams_stay_open_and_all_goes_on(machines):
    streams = [Stream(site) for site in machines.sites]
    machines.postgres.stop()
    assert machines.send("nunca") == "refused"
    machines.postgres.start()
    await eventually(lambda: machines.send("de volta") == "committed")
    await eventually(lambda: all("de volta" in stream.titles for stream in streams))
    assert not any(stream.over for stream in streams)
    assert "nunca" not in dict(machines.stamped())
