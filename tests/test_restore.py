"""An older dump of PostgreSQL's is restored under connected pages: each is told, and none misses what came after."""

import contextlib
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.live.postgres import PostgresServer, binaries
from tests.live.site import PASSWORD, DispatcherProcess, Site, environment_for, talk_to
from tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.services

_PRODUCER = """
import sys, django
django.setup()
from django.db import connection
from notificacao import audiences, services
from notificacao.models import Person
for line in sys.stdin:
    username, title = line.strip().split(" ", 1)
    connection.close()
    channel = audiences.channel_for_user(Person.objects.get(username=username))
    services.notify([channel], title=title, message="Há algo a fazer.")
    print("committed", flush=True)
"""


class Page:
    """One person's stream, read by a thread for as long as the test lasts; it returns with the last id it was given."""

    def __init__(self, site: Site, username: str):
        self.events: list[tuple[str, str]] = []  # (notification, its title) or (resync, its position)
        self.position = ""
        self._http = httpx.Client(base_url=site.url, timeout=httpx.Timeout(PATIENCE, read=None))
        self._http.get("/entrar/")
        form = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": self._http.cookies["csrftoken"]}
        assert self._http.post("/entrar/", data=form).status_code == 302
        self._over = False
        threading.Thread(target=self._stay, daemon=True).start()

    def _stay(self) -> None:
        while not self._over:
            with contextlib.suppress(httpx.HTTPError):
                headers = {"Last-Event-ID": self.position} if self.position else {}
                with self._http.stream("GET", "/api/v1/stream/", headers=headers) as answer:
                    self._read(answer.iter_lines())

    def _read(self, lines) -> None:
        name = ""
        for line in lines:
            field, _, value = line.partition(": ")
            if field == "id":
                self.position = value
            elif field == "event":
                name = value
            elif field == "data" and name == "notification":
                self.events.append((name, httpx.Response(200, text=value).json()["title"]))
            elif field == "data" and name == "resync":
                self.events.append((name, self.position))

    @property
    def titles(self) -> list[str]:
        return [what for name, what in self.events if name == "notification"]

    @property
    def resyncs(self) -> list[str]:
        return [what for name, what in self.events if name == "resync"]

    def inbox(self) -> list[str]:
        return [row["title"] for row in self._http.get("/api/v1/notifications/").json()["results"]]

    def catch_up(self, after: str) -> httpx.Response:
        return self._http.get("/api/v1/notifications/", params={"after": after})

    def close(self) -> None:
        self._over = True


class World:
    """A site, a dispatcher, a producer, and a dump."""

    def __init__(self, postgres: PostgresServer, redis_url: str, folder: Path):
        self.postgres = postgres
        self.database = postgres.create_database("demo")
        self._name = urlsplit(self.database).path[1:]
        self._dump = folder / "dump"
        settings = {"REDIS_URL": redis_url, "DISPATCHER": "external"}
        self.dispatcher = DispatcherProcess(self.database, **settings)
        self.site = Site(self.database, **settings)
        alone = {"DJANGO_SETTINGS_MODULE": "semtas.settings"}
        environment = environment_for(self.database, **alone, **settings)
        self._producer = talk_to(environment, "-c", _PRODUCER)

    def send(self, username: str, *titles: str) -> None:
        assert self._producer.stdin
        assert self._producer.stdout
        for title in titles:
            self._producer.stdin.write(f"{username} {title}\n")
            self._producer.stdin.flush()
            assert self._producer.stdout.readline().strip() == "committed"

    def ask(self, question: str) -> list[tuple]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(question).fetchall()  # type: ignore[arg-type]

    def all_stamped(self) -> bool:
        return not self.ask("SELECT 1 FROM notificacao_notification WHERE seq IS NULL")

    def epoch(self) -> str:
        return self.ask("SELECT epoch FROM notificacao_loghead")[0][0]

    def dump(self) -> None:
        self._run("pg_dump", "--format=custom", f"--file={self._dump}", self.database)

    def restore(self) -> None:
        """Beside the running one, then in its place: nobody sees it half done."""
        restored = f"{self._name}_restored"
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{restored}" TEMPLATE template0')
            self._run("pg_restore", f"--dbname={self.postgres.url(restored)}", str(self._dump))
            connection.execute(f'ALTER DATABASE "{self._name}" ALLOW_CONNECTIONS false')
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._name]
            )
            connection.execute(f'DROP DATABASE "{self._name}" WITH (FORCE)')
            connection.execute(f'ALTER DATABASE "{restored}" RENAME TO "{self._name}"')

    @staticmethod
    def _run(tool: str, *arguments: str) -> None:
        subprocess.run([binaries() / tool, *arguments], check=True, capture_output=True, timeout=120)

    def close(self) -> None:
        self._producer.kill()
        self._producer.communicate()
        self.site.close()
        self.dispatcher.close()


@pytest.fixture
def world(postgres, redis, tmp_path):
    with contextlib.closing(World(postgres, redis.url, tmp_path)) as world:
        world.dispatcher.start()
        world.site.start()
        yield world


async def renewed_by_hand(world: World) -> None:
    """With the dispatcher stopped, as `docs/operations.md` has it."""
    world.dispatcher.kill()
    world.restore()
    before, after = world.site.manage("log_epoch", "--renew", "--reason", "restored").splitlines()
    assert before.removeprefix("antes: ") != after.removeprefix("depois: ")
    world.dispatcher.start()


async def found_out_by_the_dispatcher(world: World) -> None:
    world.restore()


async def found_out_by_a_dispatcher_that_was_not_there_before(world: World) -> None:
    """It remembers nothing; the database itself tells that it lives elsewhere."""
    world.dispatcher.kill()
    world.restore()
    world.dispatcher.start()


@pytest.mark.parametrize(
    "restore", [renewed_by_hand, found_out_by_the_dispatcher, found_out_by_a_dispatcher_that_was_not_there_before]
)
async def test_each_page_is_told_resync_and_gets_all_that_came_after_once(world, restore):
    await eventually(world.all_stamped)
    pages = {name: Page(world.site, name) for name in ("ana", "bia", "caio")}
    world.send("ana", "guardada")
    await eventually(lambda: pages["ana"].titles == ["guardada"])
    world.dump()
    past = world.epoch()
    world.send("ana", "perdida", "perdida também")
    world.send("bia", "perdida de bia")
    await eventually(lambda: len(pages["ana"].titles) == 3 and len(pages["bia"].titles) == 1)
    lost = world.ask("SELECT max(seq) FROM notificacao_notification")
    cursor = pages["ana"].position

    await restore(world)
    await eventually(lambda: world.epoch() != past)
    new = world.epoch()
    await eventually(lambda: all(any(new in position for position in page.resyncs) for page in pages.values()))
    world.send("ana", "nova", "mais nova", "outra")
    world.send("bia", "nova de bia")

    await eventually(lambda: pages["ana"].titles[-1:] == ["outra"] and pages["bia"].titles[1:])
    assert world.ask("SELECT max(seq) FROM notificacao_notification") > lost  # the lost seqs were given again
    assert pages["ana"].titles == ["guardada", "perdida", "perdida também", "nova", "mais nova", "outra"]
    assert pages["bia"].titles == ["perdida de bia", "nova de bia"]
    assert pages["caio"].titles == []
    assert pages["ana"].inbox()[:4] == ["outra", "mais nova", "nova", "guardada"]
    assert pages["ana"].catch_up(cursor).status_code == 410
    assert world.epoch() == new  # once
    for page in pages.values():
        page.close()
