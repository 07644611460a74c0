"""All that serves in production, on this machine: PostgreSQL, Redis, Ably's stand-in, nginx, two of each process."""

import contextlib
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.people import Login, log_everybody_in
from benchmarks.served import PRODUCTION
from tests.live.ably_server import AblyServer
from tests.live.nginx import Nginx, documented
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.live.site import DispatcherProcess, Site, environment_for, manage

ABLY_S_STAND_IN = "servidor Ably"
_FLAG_WITHIN = 30  # seconds
_NOTICED_AFTER = 1.5  # seconds in which the flag reaches hubs and dispatchers


@dataclass(frozen=True)
class Person:
    """Somebody with a login: `hears` is `{channel: since}`, as the database has it."""

    name: str
    login: Login
    own: str
    hears: dict[str, int]


class Town:
    """The servers, the site's processes and its people. Everything of it ends with the block."""

    def __init__(self, folder: Path, size: int, **settings: str):
        self.folder = folder
        self._size = size
        self._more = settings
        self.people: list[Person] = []

    def __enter__(self) -> "Town":
        with contextlib.ExitStack() as ending:
            self.postgres = ending.enter_context(PostgresServer())
            self.redis = ending.enter_context(RedisServer())
            self.ably = ending.enter_context(AblyServer())
            self.database = self.postgres.create_database()
            settings = {
                **PRODUCTION,
                "REDIS_URL": self.redis.url,
                "DISPATCHER": "external",
                "STREAMS_PER_ADDRESS": "20000",
                **self._more,
            }
            self.environment = environment_for(self.database, self.ably, **settings)
            self._bring_people()
            told = settings | {"LOG_LEVEL": "INFO"}  # a dispatcher says when it leads
            self.dispatchers = [
                ending.enter_context(DispatcherProcess(self.database, self.ably, **told)) for _ in range(2)
            ]
            self.webs = [ending.enter_context(Site(self.database, self.ably, **settings)) for _ in range(2)]
            self.nginx = ending.enter_context(Nginx(self.folder, self.webs[0].port, documented()))
            self._ending = ending.pop_all()
        return self

    def __exit__(self, *_) -> None:
        from django.db import connections

        connections.close_all()
        self._ending.close()

    def _bring_people(self) -> None:
        """Make Django's settings those of the site from here on: one town a process."""
        os.environ.update(self.environment, DJANGO_SETTINGS_MODULE="semtas.settings")
        import django

        django.setup()
        from notificacao import audiences

        logins = log_everybody_in(self._size)
        hears = audiences.channels_of([login.person_pk for login in logins])
        self.people = [
            Person(
                f"p{login.number}", replace(login, lane="live"), _own(hears[login.person_pk]), hears[login.person_pk]
            )
            for login in logins
        ]

    @property
    def pids(self) -> dict[str, int]:
        """The processes that are weighed, by the names that the report gives them."""
        webs = {f"web {number}": site.pid for number, site in enumerate(self.webs, 1)}
        dispatchers = {f"despachante {number}": each.pid for number, each in enumerate(self.dispatchers, 1)}
        servers = {"PostgreSQL": self.postgres.pid, "Redis": self.redis.pid, "nginx": self.nginx.pid}
        return webs | dispatchers | servers | {ABLY_S_STAND_IN: self.ably.pid or 0}

    def turn_flag(self, percent: int) -> list[Person]:
        """Put so many of a hundred people on Ably, wait until the site acts upon it, and return those who are."""
        from notificacao import rollout
        from notificacao.models import RolloutFlag

        everyone = {0: False, 100: True}.get(percent)
        RolloutFlag.objects.filter(name="ably").update(everyone=everyone, percent=percent)
        deadline = time.monotonic() + _FLAG_WITHIN
        while percent and not rollout.current().ably_up:
            assert time.monotonic() < deadline, f"the breaker did not close:\n{self.webs[0].log()[-2_000:]}"
            time.sleep(0.1)
        time.sleep(_NOTICED_AFTER)
        return (
            [person for person in self.people if rollout.current().includes(person.login.person_pk)] if percent else []
        )

    def spare_database(self) -> dict[str, str]:
        """Return the environment of a process that has a new database to itself."""
        return {**self.environment, "DATABASE_URL": self.postgres.create_database()}

    def manage(self, *words: str) -> str:
        return manage(self.environment, *words)


def _own(hears: dict[str, int]) -> str:
    return next(channel for channel in hears if "user:" in channel)


@dataclass(frozen=True)
class Mix:
    """Of a hundred notifications so many go to a unit and so many to everybody; all others to one person."""

    to_units: float
    to_all: float

    def channels(self, people: Sequence[Person], count: int = 10_000) -> Iterator[str]:
        """Yield the channels of `count` notifications, the same ones each time."""
        dice = random.Random(1)
        units = sorted({channel for person in people for channel in person.hears if "unit:" in channel})
        system = next(channel for channel in people[0].hears if channel.startswith("system:"))
        for _ in range(count):
            drawn = dice.uniform(0, 100)
            if drawn < self.to_all:
                yield system
            elif drawn < self.to_all + self.to_units:
                yield dice.choice(units)
            else:
                yield dice.choice(people).own
