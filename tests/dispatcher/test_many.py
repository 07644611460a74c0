"""Two dispatchers and two web processes on PostgreSQL and Redis: who leads, and how long anything takes that breaks."""

import contextlib
import subprocess
import sys
import threading
import time

import httpx
import psycopg
import pytest

from tests.live.ably_server import ROOT
from tests.live.postgres import PostgresServer
from tests.live.process import Process
from tests.live.redis import RedisServer
from tests.live.site import PASSWORD, DispatcherProcess, Site, environment_for
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.services

TAKEN_OVER_WITHIN = 3.0  # seconds
WITHOUT_REDIS = 1.0  # seconds more
ASKING = 0.5  # seconds that it takes to send and to look, on a machine that does nothing else
_PRODUCER = """
import sys, django
django.setup()
from django.db import Error
from notificacao import audiences, services
for line in sys.stdin:
    try:
        services.notify([audiences.SYSTEM_CHANNEL], title=line.strip(), message="Há algo a fazer.")
    except Error:
        print("refused", flush=True)
    else:
        print("committed", flush=True)
"""


class Machines:
    """All the processes, and a producer beside them."""

    def __init__(self, postgres: PostgresServer, redis: RedisServer):
        self.postgres, self.redis = postgres, redis
        self.database = postgres.create_database("demo")
        settings = {"REDIS_URL": redis.url, "DISPATCHER": "external"}
        self.dispatchers = [DispatcherProcess(self.database, **settings) for _ in range(2)]
        self.sites = [Site(self.database, **settings) for _ in range(2)]
        environment = environment_for(self.database, DJANGO_SETTINGS_MODULE="semtas.settings", **settings)
        self._producer = subprocess.Popen(
            [sys.executable, "-c", _PRODUCER],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    @property
    def processes(self) -> list[Process]:
        return [self.postgres, self.redis, *self.dispatchers, *self.sites]

    def repair(self) -> None:
        """Start what is not running."""
        for process in self.processes:
            if not process.running:
                process.start()

    def leader_and_standby(self) -> list[DispatcherProcess] | None:
        """Once one of them leads."""
        leads = [dispatcher.leads for dispatcher in self.dispatchers]
        return sorted(self.dispatchers, key=lambda one: not one.leads) if leads.count(True) == 1 else None

    def send(self, title: str) -> str:
        """What became of it: committed or refused."""
        assert self._producer.stdin
        assert self._producer.stdout
        self._producer.stdin.write(f"{title}\n")
        self._producer.stdin.flush()
        return self._producer.stdout.readline().strip()

    def stamped(self) -> list[tuple[str, int]]:
        """`(title, seq)`, in the order of seq."""
        with psycopg.connect(self.database) as connection:
            rows = connection.execute("SELECT title, seq FROM notificacao_notification WHERE seq > 0 ORDER BY seq")
            return rows.fetchall()

    def close(self) -> None:
        self._producer.kill()
        self._producer.communicate()
        for process in reversed(self.processes):
            process.close()


class Stream:
    """ana's stream at one site, read by a thread: `titles`, each with the moment at which it came."""

    def __init__(self, site: Site):
        self.titles: dict[str, float] = {}
        self.over = False
        self._http = httpx.Client(base_url=site.url, timeout=httpx.Timeout(PATIENCE, read=None))
        self._http.get("/entrar/")
        form = {"username": "ana", "password": PASSWORD, "csrfmiddlewaretoken": self._http.cookies["csrftoken"]}
        assert self._http.post("/entrar/", data=form).status_code == 302
        self._open = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        assert self._open.wait(PATIENCE), "the stream did not open"

    def _read(self) -> None:
        with contextlib.suppress(httpx.HTTPError), self._http.stream("GET", "/api/v1/stream/") as stream:
            for line in stream.iter_lines():
                if '"title":"' in line:
                    self.titles[line.split('"title":"')[1].split('"')[0]] = time.monotonic()
                elif line.startswith("event: counts"):
                    self._open.set()
        self.over = True


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


async def stamps_again(machines, title: str) -> float:
    """Seconds until somebody stamps what is sent now."""
    began = time.monotonic()
    machines.send(title)
    await eventually(lambda: title in dict(machines.stamped()))
    return time.monotonic() - began


async def test_one_dispatcher_leads_and_both_sites_hear_what_is_sent(machines):
    streams = [Stream(site) for site in machines.sites]
    sent = [f"Primeiro {number}" for number in range(10)]
    for title in sent:
        assert machines.send(title) == "committed"
    await eventually(lambda: all(len(stream.titles) == 10 for stream in streams))
    assert [list(stream.titles) for stream in streams] == [sent, sent]


@pytest.mark.alone
async def test_a_leader_that_is_killed_is_followed_by_the_standby_within_three_seconds(machines):
    leader, standby = machines.leader_and_standby()
    leader.kill()
    assert await stamps_again(machines, "após a queda") < TAKEN_OVER_WITHIN + ASKING
    assert standby.leads


@pytest.mark.alone
async def test_a_leader_that_is_told_to_end_gives_the_lead_away_at_once(machines):
    leader, _ = machines.leader_and_standby()
    assert leader.terminate() == 0
    assert await stamps_again(machines, "após o fim") < 1.0 + ASKING


@pytest.mark.alone
async def test_a_frozen_leader_is_replaced_and_writes_nothing_when_it_wakes_up(machines):
    """It freezes with rows on their way, and thaws among others."""
    leader, standby = machines.leader_and_standby()
    sent = [f"Gelo {number}" for number in range(40)]
    for title in sent[:20]:
        machines.send(title)
    leader.freeze()
    assert await stamps_again(machines, "no gelo") < TAKEN_OVER_WITHIN + ASKING
    leader.thaw()
    for title in sent[20:]:
        machines.send(title)
    await eventually(lambda: not leader.leads and set(sent) <= dict(machines.stamped()).keys())
    assert standby.leads
    seqs = [seq for _, seq in machines.stamped()]
    assert seqs == list(range(1, len(seqs) + 1))


@pytest.mark.alone
async def test_without_redis_all_comes_at_most_a_second_later(machines):
    streams = [Stream(site) for site in machines.sites]
    machines.redis.kill()
    for title in (f"Sem Redis {number}" for number in range(5)):
        sent = time.monotonic()
        machines.send(title)
        assert time.monotonic() - sent < WITHOUT_REDIS, "the producer waited for Redis"
        await eventually(lambda title=title: all(title in stream.titles for stream in streams))
        assert max(stream.titles[title] for stream in streams) - sent < WITHOUT_REDIS + ASKING
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
