"""Two dispatchers and two web processes on PostgreSQL and Redis, and an Ably server: who leads, what goes on when
anything breaks, and what the administrators are told of it.

`script/bench takeover` says how long each takes.
"""

import contextlib

import httpx
import psycopg
import pytest

from tests.dispatcher.many import Machines, Stream, stamps_again
from tests.live.ably_server import AblyServer
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.waiting import eventually

pytestmark = pytest.mark.services

OPEN = "O Ably está fora de uso"
KEY = "Uma chave está para vencer"
NOBODY = "Nenhum despachante está no comando"
SHORT = {
    "ABLY_ENDPOINT": "127.0.0.1",
    "ABLY_TLS": "false",
    "ABLY_PUBLISH_TIMEOUT": "1",
    "BREAKER_COOLDOWN": "1",
    "CANARY_EVERY": "1",
    "CANARY_MISSES": "2",
}


class Administration:
    """The machines as an administrator and their database see them."""

    def __init__(self, machines: Machines):
        self.machines = machines
        self.admin = Stream(machines.sites[1], "admin")

    def ask(self, question: str, *values) -> list[tuple]:
        with psycopg.connect(self.machines.database) as connection:
            cursor = connection.execute(question, values)
            return cursor.fetchall() if cursor.description else []

    def told(self, title: str) -> int:
        """How often the one administrator was told."""
        return self.ask("SELECT count(*) FROM notificacao_notification WHERE title = %s", title)[0][0]

    def is_open(self, name: str) -> bool:
        return bool(self.ask("SELECT 1 FROM notificacao_alert WHERE name = %s AND closed_at IS NULL", name))

    def breaker(self) -> str:
        return self.ask("SELECT state FROM notificacao_breakerstate")[0][0]

    def let_a_minute_pass(self, name: str) -> None:
        self.ask("UPDATE notificacao_alert SET seen_at = seen_at - interval '61 seconds' WHERE name = %s", name)

    def nobody_leads(self) -> bool:
        return httpx.get(f"{self.machines.sites[0].url}/health/ready").json()["nobody_leads"]


@pytest.fixture(scope="module")
def ably():
    with AblyServer() as server:
        yield server


@pytest.fixture(scope="module")
def all_machines(ably):
    reach_ably = {"ABLY_API_KEY": ably.key, "ABLY_PORT": str(ably.port)}
    with (
        PostgresServer(fsync=False) as postgres,
        RedisServer() as redis,
        contextlib.closing(Machines(postgres, redis, **SHORT, **reach_ably)) as machines,
    ):
        yield machines


@pytest.fixture
async def machines(all_machines):
    """All of them running, one dispatcher leading, whatever the test before broke."""
    all_machines.repair()
    await eventually(all_machines.leader_and_standby)
    return all_machines


# --- What goes wrong is told to the administrators by the system's own ways: once, and once when it is over


@pytest.fixture
def site(machines):
    return Administration(machines)


@pytest.mark.endurance
@pytest.mark.faults
async def test_an_ably_that_dies_is_told_over_sse_once_whoever_leads_and_once_more_when_it_is_back(site, ably):
    await eventually(lambda: site.breaker() == "closed")
    ably.kill()
    await eventually(lambda: OPEN in site.admin.titles)
    state = "SELECT dispatch_state FROM notificacao_notification WHERE title = %s"
    await eventually(lambda: site.ask(state, OPEN) == [("skipped",)])

    leader, standby = site.machines.leader_and_standby()
    leader.kill()
    await eventually(lambda: standby.leads)
    site.let_a_minute_pass("BreakerOpen")  # nobody led meanwhile: the new leader looks before it closes anything
    leader.start()
    await eventually(lambda: site.ask("SELECT 1 FROM notificacao_alert WHERE seen_at > now() - interval '3 seconds'"))
    assert site.told(OPEN) == 1

    ably.start()
    await eventually(lambda: site.breaker() == "closed")
    site.let_a_minute_pass("BreakerOpen")
    await eventually(lambda: f"Resolvido: {OPEN}" in site.admin.titles)
    assert (site.told(OPEN), site.told(f"Resolvido: {OPEN}")) == (1, 1)
    assert (site.told(KEY), site.is_open("KeyEndsSoon")) == (1, True)


@pytest.mark.faults
async def test_that_nobody_leads_is_shown_by_the_sites_and_told_once_when_somebody_does(site):
    for dispatcher in site.machines.dispatchers:
        dispatcher.kill()
    await eventually(site.nobody_leads, every=0.2)
    assert NOBODY not in site.admin.titles
    for dispatcher in site.machines.dispatchers:
        dispatcher.start()
    await eventually(lambda: NOBODY in site.admin.titles)
    site.let_a_minute_pass("NobodyLeads")
    await eventually(lambda: f"Resolvido: {NOBODY}" in site.admin.titles)
    assert (site.told(NOBODY), site.told(f"Resolvido: {NOBODY}")) == (1, 1)
    assert not site.nobody_leads()


# --- What goes on


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
