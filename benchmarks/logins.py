"""Many people who log in at once, and how long everybody else waits meanwhile; on PostgreSQL, with one web process."""

import argparse
import asyncio
import contextlib
import math
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

OTHERS = 40  # people who have logged in before; each asks for session or list in turn
ALONE = 20  # seconds in which they ask before anybody logs in: what the machine itself costs
EVERY = 0.05  # seconds between two requests of theirs
PASSWORD = "segredo-do-banco"
CALLS = ("/api/v1/session/", "/api/v1/notifications/")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--within", type=float, default=180, help="seconds in which they come")
    parser.add_argument("--hasher", default="default", help="pbkdf2_sha256: how their passwords are kept")
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.prepare:
        return prepare(asked.people, asked.hasher)
    from tests.live.postgres import PostgresServer
    from tests.live.site import Site, environment_for

    many = "100000/100000"
    production = {"DEBUG": "false", "BEHIND_TLS": "false", "SECRET_KEY": "s" * 50, "ENCRYPTION_SECRET": "e" * 50}
    settings = production | {"LOG_LEVEL": "ERROR", "RATE_LOGIN_ADDRESS": many, "RATE_USER": many, "RATE_STAFF": many}
    with PostgresServer(fsync=False) as server:
        url = server.create_database()
        command = [sys.executable, "-m", "benchmarks.logins", "--prepare", "--people", str(asked.people)]
        environment = environment_for(url, **settings)
        command += ["--hasher", asked.hasher]
        made = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
        with Site(url, **settings) as site:
            show(asked, asyncio.run(measure(site.url, asked.people, asked.within, made.stdout.split())))


def prepare(people: int, hasher: str) -> None:
    """Make the people, and print the sessions' keys of those who have logged in before."""
    import django

    django.setup()
    from django.contrib.auth.hashers import make_password

    from benchmarks.people import log_everybody_in
    from notificacao.models import Person

    password = make_password(PASSWORD, hasher=hasher)
    Person.objects.bulk_create(Person(username=f"q{number}", password=password) for number in range(people))
    print(*(login.session_key for login in log_everybody_in(OTHERS)))


@dataclass
class Seen:
    """What one kind of request met: its answers, and how many seconds each took."""

    answers: Counter = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def one(self):
        """Time one request; the block puts its status into what it gets."""
        start, met = time.perf_counter(), []
        try:
            yield met
        except httpx.HTTPError as error:
            met.append(type(error).__name__)
        except asyncio.CancelledError:
            return  # the measurement is over
        self.answers[met[-1]] += 1
        self.took.append(time.perf_counter() - start)

    def __str__(self) -> str:
        took = sorted(self.took)
        middle, late = (took[math.ceil(len(took) * share) - 1] * 1000 for share in (0.5, 0.95))
        return f"{middle:7.0f} {late:7.0f} {took[-1] * 1000:7.0f}   {dict(self.answers)}"


async def measure(url: str, people: int, within: float, sessions: list[str]) -> dict[str, Seen]:
    """Have the others ask alone, then the people come evenly; others and health check ask until the last is in."""
    seen = {name: Seen() for name in ("alone", "others", "health", "logins")}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ask(client, seen["alone"], sessions), ALONE)
        working = (ask(client, seen["others"], sessions), check(client, seen["health"]))
        beside = [asyncio.create_task(work) for work in working]
        start = time.perf_counter()
        coming = [
            asyncio.create_task(come(client, seen["logins"], number, start + within * number / people))
            for number in range(people)
        ]
        await asyncio.gather(*coming)
        print(f"the last was in {time.perf_counter() - start:.1f} s after the first came")
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    return seen


async def come(client: httpx.AsyncClient, seen: Seen, number: int, at: float) -> None:
    """Log in at the moment `at`; asked to wait, come back as often as it takes."""
    await asyncio.sleep(at - time.perf_counter())
    token = "t" * 32
    form = {"username": f"q{number}", "password": PASSWORD, "csrfmiddlewaretoken": token}
    request = client.build_request("POST", "/entrar/", data=form, headers={"Cookie": f"csrftoken={token}"})
    async with seen.one() as met:
        while (answer := await client.send(request)).status_code == 503:
            met.append("503")
            await asyncio.sleep(int(answer.headers["Retry-After"]))
        met.append("in" if answer.status_code == 302 else str(answer.status_code))
    if "503" in met:
        seen.answers["had to come back"] += 1


async def ask(client: httpx.AsyncClient, seen: Seen, sessions: list[str]) -> None:
    """Ask for sessions and lists at a steady pace, however long the answers take."""
    async with asyncio.TaskGroup() as group:
        number = 0
        while True:
            session, path = sessions[number % len(sessions)], CALLS[number % len(CALLS)]
            group.create_task(get(client, seen, path, {"Cookie": f"sessionid={session}"}))
            number += 1
            await asyncio.sleep(EVERY)


async def check(client: httpx.AsyncClient, seen: Seen) -> None:
    """Ask whether the process is ready, twice a second."""
    while True:
        await get(client, seen, "/health/ready", {})
        await asyncio.sleep(0.5)


async def get(client: httpx.AsyncClient, seen: Seen, path: str, headers: dict[str, str]) -> None:
    async with seen.one() as met:
        met.append(str((await client.get(path, headers=headers)).status_code))


def show(asked: argparse.Namespace, seen: dict[str, Seen]) -> None:
    print(f"{asked.people} people within {asked.within:.0f} s, {os.cpu_count()} cores, passwords: {asked.hasher}")
    print("milliseconds      P50     P95     max   answers")
    for name, met in seen.items():
        print(f"  {name:10} {met}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")
    main()
