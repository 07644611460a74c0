"""What goes wrong is told to the administrators by the system's own ways: once, and once when it is over.

Two dispatchers and two web processes on PostgreSQL and Redis, an Ably server, and the administrator's open stream.
"""

import contextlib

import httpx
import psycopg
import pytest

from tests.dispatcher.many import Machines, Stream
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.services]

OPEN = "Ably fora de uso: todos por SSE"
KEY = "Uma chave está para vencer"
NOBODY = "Nenhum despachante conduz"
SHORT = {
    "ABLY_ENDPOINT": "127.0.0.1",
    "ABLY_TLS": "false",
    "ABLY_PUBLISH_TIMEOUT": "1",
    "BREAKER_COOLDOWN": "1",
    "CANARY_EVERY": "1",
    "CANARY_MISSES": "2",
}


class Site:
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
def machines(ably, postgres, redis):
    server, way = ably
    settings = SHORT | {"ABLY_API_KEY": server.key, "ABLY_PORT": str(way.port)}
    with contextlib.closing(Machines(postgres, redis, **settings)) as machines:
        yield machines


@pytest.fixture
async def site(machines):
    machines.repair()
    await eventually(machines.leader_and_standby)
    return Site(machines)


async def test_an_ably_that_dies_is_told_over_sse_once_whoever_leads_and_once_more_when_it_is_back(site, ably):
    server, _ = ably
    await eventually(lambda: site.breaker() == "closed")
    server.kill()
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

    server.start()
    await eventually(lambda: site.breaker() == "closed")
    site.let_a_minute_pass("BreakerOpen")
    await eventually(lambda: f"Resolvido: {OPEN}" in site.admin.titles)
    assert (site.told(OPEN), site.told(f"Resolvido: {OPEN}")) == (1, 1)
    assert (site.told(KEY), site.is_open("KeyEndsSoon")) == (1, True)


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
