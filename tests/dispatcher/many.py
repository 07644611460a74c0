"""Two dispatchers and two web processes on PostgreSQL and Redis, a producer beside them, and ana's streams."""

import contextlib
import threading
import time

import httpx
import psycopg

from tests.live.postgres import PostgresServer
from tests.live.process import Process
from tests.live.redis import RedisServer
from tests.live.site import PASSWORD, DispatcherProcess, Site, environment_for, talk_to
from tests.waiting import PATIENCE, eventually

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

    def __init__(self, postgres: PostgresServer, redis: RedisServer, **settings: str):
        self.postgres, self.redis = postgres, redis
        self.database = postgres.create_database("demo")
        settings = {"REDIS_URL": redis.url, "DISPATCHER": "external", **settings}
        self.dispatchers = [DispatcherProcess(self.database, **settings) for _ in range(2)]
        self.sites = [Site(self.database, **settings) for _ in range(2)]
        environment = environment_for(self.database, DJANGO_SETTINGS_MODULE="semtas.settings", **settings)
        self._producer = talk_to(environment, "-c", _PRODUCER)

    @property
    def processes(self) -> list[Process]:
        """Of ours: the servers end with whoever started them."""
        return [*self.dispatchers, *self.sites]

    def repair(self) -> None:
        """Start what is not running: the servers first, then all processes at once."""
        for server in (self.postgres, self.redis):
            if not server.running:
                server.start()
        started = [process for process in self.processes if not process.running]
        for process in started:
            process.launch()
        for process in started:
            process.wait_until_ready()

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
    """A person's stream at one site, read by a thread: `titles`, each with the moment at which it came."""

    def __init__(self, site: Site, username: str = "ana"):
        self.titles: dict[str, float] = {}
        self.over = False
        self._http = httpx.Client(base_url=site.url, timeout=httpx.Timeout(PATIENCE, read=None))
        self._http.get("/entrar/")
        form = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": self._http.cookies["csrftoken"]}
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


async def stamps_again(machines, title: str) -> float:
    """Seconds until somebody stamps what is sent now."""
    began = time.monotonic()
    machines.send(title)
    await eventually(lambda: title in dict(machines.stamped()))
    return time.monotonic() - began
