"""From notify() to the socket: embedded SQLite, personal channels, one site process, one producer beside it."""

import argparse
import asyncio
import json
import os
import platform
import re
import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests.live.site import Site, environment_for, manage

_ID = re.compile(rb'"id":"([0-9a-f-]{36})"')
_GRACE = 10.0  # seconds for the last ones to arrive


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench path", description=__doc__)
    parser.add_argument("--people", type=int, default=200, help="open streams, one a person (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=100, help="notifications a second (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=10, help="how long (default: %(default)s)")
    return parser.parse_args()


def make_people(count: int) -> list[tuple[object, str]]:
    """`count` people with a session each: `(person, session key)`."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from notificacao.models import Person

    people = Person.objects.bulk_create([Person(username=f"p{number}", password="!") for number in range(count)])
    made = []
    for person in people:
        session = SessionStore()
        session[SESSION_KEY] = str(person.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = person.get_session_auth_hash()
        session.create()
        made.append((person, session.session_key))
    return made


async def listen(port: int, session_key: str, received: dict[bytes, float], opened: asyncio.Semaphore) -> None:
    """Read one stream for ever; note when each notification came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /api/v1/stream/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: sessionid={session_key}\r\n\r\n".encode())
    while line := await reader.readline():
        if line.startswith(b"event: counts"):
            opened.release()
        elif found := _ID.search(line):
            received.setdefault(found[1], time.perf_counter())


def produce(people: list, rate: int, seconds: int, sent: dict[bytes, float], commits: list[float]) -> None:
    """One by one, evenly; `sent` holds when each call began, `commits` how long it took."""
    from notificacao import audiences, services

    begun = time.perf_counter()
    for number in range(rate * seconds):
        time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        person, _ = people[number % len(people)]
        at = time.perf_counter()
        (row,) = services.notify([audiences.channel_for_user(person)], title="Medida", message="m" * 200)
        commits.append(time.perf_counter() - at)
        sent[str(row.public_id).encode()] = at


async def measure(site: Site, people: list, options: argparse.Namespace) -> dict:
    received: dict[bytes, float] = {}
    sent: dict[bytes, float] = {}
    commits: list[float] = []
    opened = asyncio.Semaphore(0)
    began = time.perf_counter()
    streams = [asyncio.create_task(listen(site.port, key, received, opened)) for _, key in people]
    for _ in people:
        await asyncio.wait_for(opened.acquire(), 60)
    connecting = time.perf_counter() - began
    producer = threading.Thread(target=produce, args=(people, options.rate, options.seconds, sent, commits))
    began = time.perf_counter()
    producer.start()
    while producer.is_alive() or len(received) < len(sent):
        await asyncio.sleep(0.05)
        if time.perf_counter() - began > options.seconds * 3 + _GRACE:
            break
    took = time.perf_counter() - began
    for stream in streams:
        stream.cancel()
    delays = sorted(received[key] - at for key, at in sent.items() if key in received)
    cuts = statistics.quantiles(delays, n=100)
    commit = statistics.median(commits)
    return {
        "people": options.people,
        "sent": len(sent),
        "lost": len(sent) - len(delays),
        "rate": round(len(sent) / took, 1),
        "connect_ms_each": round(1000 * connecting / options.people, 2),
        "commit_ms_p50": round(1000 * commit, 2),
        "delivery_ms": {"p50": ms(cuts[49]), "p95": ms(cuts[94]), "p99": ms(cuts[98]), "max": ms(delays[-1])},
        "p95_in_commits": round(cuts[94] / commit, 1),
    }


def ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "bench.sqlite3"
        environment = environment_for(database)
        manage(environment, "migrate", "--verbosity", "0")
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="semtas.settings")
        import django

        django.setup()
        people = make_people(options.people)
        with Site(database, LOG_LEVEL="WARNING") as site:
            figures = asyncio.run(measure(site, people, options))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, SQLite, one site process, one producer")
    print(f"{figures['people']} streams opened in {figures['connect_ms_each']} ms each")
    print(f"{figures['sent']} notifications at {figures['rate']} a second, {figures['lost']} lost")
    delays = ", ".join(f"{name} {value}" for name, value in figures["delivery_ms"].items())
    print(f"notify() begun → read from the socket, ms: {delays}")
    print(f"one commit takes {figures['commit_ms_p50']} ms; p95 is {figures['p95_in_commits']} times that")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
