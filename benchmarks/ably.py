"""Over Ably, beside SSE: commit → received by the browser's SDK, publishes a second, tokens a second."""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks._ably_speed import publishing, tokens_a_second
from benchmarks._browsers import Browsers
from tests.live.ably_server import AblyServer
from tests.live.postgres import PostgresServer
from tests.live.redis import RedisServer
from tests.live.site import DispatcherProcess, Site, environment_for, manage

_GRACE = 15.0  # seconds for the last ones to arrive
_BURST = 20  # rows: a notice to the people of a unit


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench ably", description=__doc__)
    parser.add_argument("--people", type=int, default=500, help="each on a channel of their own (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=500, help="notifications a second (default: %(default)s)")
    parser.add_argument("--together", type=int, default=10, help="of them in one transaction (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=15, help="how long (default: %(default)s)")
    parser.add_argument(
        "--publishes", type=int, default=3_000, help="for the dispatcher's speed (default: %(default)s)"
    )
    parser.add_argument(
        "--postgres", action="store_true", help="on PostgreSQL and Redis, the dispatcher a process of its own"
    )
    return parser.parse_args()


@contextlib.contextmanager
def place(postgres: bool) -> Iterator[tuple[Path | str, dict[str, str]]]:
    """The database and the settings that go with it."""
    with contextlib.ExitStack() as ends:
        if not postgres:
            folder = ends.enter_context(tempfile.TemporaryDirectory())
            yield Path(folder) / "bench.sqlite3", {"LOG_LEVEL": "WARNING"}
        else:
            server, redis = ends.enter_context(PostgresServer()), ends.enter_context(RedisServer())
            url = server.create_database()
            yield url, {"LOG_LEVEL": "INFO", "DISPATCHER": "external", "REDIS_URL": redis.url}


@contextlib.contextmanager
def site_on(database: Path | str, ably: AblyServer, settings: dict[str, str]) -> Iterator[Site]:
    with contextlib.ExitStack() as ends:
        if "REDIS_URL" in settings:
            ends.enter_context(DispatcherProcess(str(database), ably, **settings))
        yield ends.enter_context(Site(database, ably, **settings))


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


def commit(people: list, first: int, count: int, sent: dict[str, float]) -> None:
    """One transaction with a notification for each of `count` people; `sent` holds the moment of its commit."""
    from django.db import transaction

    from notificacao import audiences, services
    from notificacao.content import Notice

    chosen = [people[(first + number) % len(people)] for number in range(count)]
    with transaction.atomic():
        committed: list[float] = []
        transaction.on_commit(lambda: committed.append(time.monotonic()))
        rows = services.notify_many(
            Notice.of(channels=(audiences.channel_for_user(person),), title="Medida", message="m" * 200)
            for person in chosen
        )
    sent.update((str(row.public_id), committed[0]) for row in rows)


def produce(people: list, rate: float, together: int, seconds: float) -> dict[str, float]:
    """Evenly, `together` a transaction; `{notification id: monotonic second of its commit}`."""
    sent: dict[str, float] = {}
    begun = time.monotonic()
    for number in range(int(rate * seconds / together)):
        time.sleep(max(0.0, begun + number * together / rate - time.monotonic()))
        commit(people, number * together, together, sent)
    return sent


def load(site: Site, ably: AblyServer, people: list, arm: str, options: argparse.Namespace) -> dict:
    """Delays of one arm under the full load, and in bursts as of one and of ten times the plan's volume."""
    put_everybody_on(arm == "ably", site)
    figures = {}
    for name, rate, together, seconds in (
        ("1x", _BURST, _BURST, 10),
        ("10x", 10 * _BURST, 10 * _BURST, 10),
        ("load", options.rate, options.together, options.seconds),
    ):
        with contextlib.ExitStack() as ends:
            browsers = Browsers(task_for(arm, site, ably, people))
            ends.callback(browsers.end)
            if arm == "ably":  # as pages do: the stream in standby is open beside Ably
                standby = Browsers(task_for("sse", site, ably, people) | {"lane": "standby"})
                ends.callback(standby.end)
            begun = time.monotonic()
            sent = produce([person for person, _ in people], rate, together, seconds)
            took = time.monotonic() - begun
            wait_until_settled(sent)
            received = browsers.received()
            by_standby = standby.received() if arm == "ably" else {}
            figures[name] = delays(sent, received) | {
                "lost": len(sent.keys() - received.keys() - by_standby.keys()),
                "by_standby_alone": len(by_standby.keys() - received.keys()),
                "rate": round(len(sent) / took, 1),
            }
    return figures


def task_for(arm: str, site: Site, ably: AblyServer, people: list) -> dict:
    from notificacao import audiences, keys, signing, tokens

    def listener(person, session: str) -> dict:
        channel = audiences.channel_for_user(person)
        if arm == "sse":
            return {"session": session}
        return {
            "channel": channel,
            "key": keys.as_text(keys.channel_key(channel, 1)),
            "client_id": audiences.client_id_for(person),
            "token": tokens.generate_token(person, session).token,
        }

    port = ably.port if arm == "ably" else site.port
    people = [listener(*one) for one in people]
    return {"arm": arm, "port": port, "people": people, "signing_keys": signing.public_keys()}


def put_everybody_on(ably: bool, site: Site) -> None:
    """Turn the flag, and wait until the site acts upon it."""
    from notificacao import rollout
    from notificacao.models import RolloutFlag

    RolloutFlag.objects.update(everyone=ably)
    deadline = time.monotonic() + 30
    while not rollout.current().ably_up:
        assert time.monotonic() < deadline, f"the breaker did not close:\n{site.log()[-2_000:]}"
        time.sleep(0.1)
    time.sleep(1.5)  # the flag reaches hubs and dispatcher within a second


def wait_until_settled(sent: dict[str, float]) -> None:
    from notificacao.models import Notification

    deadline = time.monotonic() + _GRACE
    while Notification.objects.filter(dispatch_state="pending").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)


def delays(sent: dict[str, float], received: dict[str, float]) -> dict:
    found = sorted(max(0.0, received[key] - at) for key, at in sent.items() if key in received)
    cuts = statistics.quantiles(found, n=100)
    return {
        "sent": len(sent),
        "ms": {"p50": ms(cuts[49]), "p95": ms(cuts[94]), "p99": ms(cuts[98]), "max": ms(found[-1])},
    }


def ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def main() -> None:
    options = arguments()
    with place(options.postgres) as (database, settings), AblyServer() as ably:
        environment = environment_for(database, ably, **settings)
        manage(environment, "migrate", "--verbosity", "0")
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="semtas.settings", LOG_LEVEL="WARNING")
        import django

        django.setup()
        people = make_people(options.people)
        figures: dict = {"on": "PostgreSQL, Redis" if options.postgres else "SQLite"}
        figures["load_before"] = round(os.getloadavg()[0], 1)
        with site_on(database, ably, settings) as site:
            for arm in ("ably", "sse"):
                figures[arm] = load(site, ably, people, arm, options)
            put_everybody_on(True, site)
            sessions = [session for _, session in people]
            figures["tokens"] = {
                "first": round(tokens_a_second(site, sessions)),
                "again": round(tokens_a_second(site, sessions)),
            }
        figures["publishes"] = asyncio.run(publishing([person for person, _ in people], options.publishes, commit))
        from django.db import connections

        connections.close_all()
    figures["p95_ratio"] = round(figures["ably"]["load"]["ms"]["p95"] / figures["sse"]["load"]["ms"]["p95"], 2)
    figures["load_after"] = round(os.getloadavg()[0], 1)
    tell(figures)


def tell(figures: dict) -> None:
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {figures['on']}"
    print(f"{machine}, one site process, local Ably server")
    print(f"load of the machine before and after: {figures['load_before']}, {figures['load_after']}: calm is below 1")
    print("commit → received, ms" + " " * 19 + "p50     p95     p99     max   lost  a second  fell back to SSE")
    for arm in ("ably", "sse"):
        for name in ("1x", "10x", "load"):
            found = figures[arm][name]
            cut = "".join(f"{found['ms'][cut]:8}" for cut in ("p50", "p95", "p99", "max"))
            print(
                f"  {arm:5} {name:5} {found['sent']:6} notifications{cut} {found['lost']:6} {found['rate']:9}"
                f" {found['by_standby_alone']:11}"
            )
    print(f"p95 under load: Ably's is {figures['p95_ratio']} times that of SSE")
    speed = figures["publishes"]
    print(
        f"publishes a second: SDK alone {speed['sdk_alone']}, dispatcher {speed['dispatcher']} ({speed['ratio']} times)"
    )
    print(f"tokens a second: {figures['tokens']['first']} for the first time, {figures['tokens']['again']} again")
    print(json.dumps(figures))


if __name__ == "__main__":
    sys.exit(main())
