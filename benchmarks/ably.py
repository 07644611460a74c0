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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from benchmarks._browsers import Browsers
from tests.live.ably_server import AblyServer
from tests.live.site import Site, environment_for, manage

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
    from notificacao import audiences, keys, tokens

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
    return {"arm": arm, "port": port, "people": [listener(*one) for one in people]}


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


# --- Publishes a second


async def bare_loop(channels: list[str], count: int, in_flight: int) -> float:
    """Publishes a second of the SDK alone, `in_flight` at a time."""
    from ably import AblyRest
    from ably.types.message import Message

    from notificacao.transports.ably.client import address, sign_own_token

    left = iter(range(count))
    async with AblyRest(auth_callback=sign_own_token, use_binary_protocol=False, **address()) as rest:

        async def work() -> None:
            for number in left:
                name = channels[number % len(channels)]
                await rest.channels.get(name).publish(Message(name="notification", data="m" * 700))
                rest.channels.release(name)

        begun = time.monotonic()
        await asyncio.gather(*(work() for _ in range(in_flight)))
        return count / (time.monotonic() - begun)


async def dispatcher_speed(people: list, count: int) -> float:
    """Publishes a second of one dispatcher, from the commit of `count` rows to the last one settled."""
    from asgiref.sync import sync_to_async

    from notificacao.dispatcher.loop import Dispatcher
    from notificacao.models import Notification
    from notificacao.rollout import current
    from notificacao.transports.ably import AblyTransport

    unsettled = Notification.objects.filter(dispatch_state="pending")
    published = Notification.objects.filter(dispatch_state="published")
    running = asyncio.create_task(Dispatcher(AblyTransport()).run())
    while not (await sync_to_async(current)()).ably_up:
        await asyncio.sleep(0.1)
    before = await published.acount()
    begun = time.monotonic()
    await sync_to_async(commit)(people, 0, count, {})
    while await unsettled.aexists():
        await asyncio.sleep(0.05)
    took = time.monotonic() - begun
    missing = before + count - await published.acount()
    assert not missing, f"{missing} of {count} were not published: the breaker opened; repeat at a calmer moment"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return count / took


async def publishing(people: list, options: argparse.Namespace) -> dict:
    """Each twice, in turns; the better one counts, since the machine is not ours alone."""
    from django.conf import settings

    from notificacao import audiences
    from notificacao.conf import conf

    settings.ABLY_SLOW_AFTER = 30.0  # how fast it can be, and not how fast Ably must be
    channels = [audiences.channel_for_user(person) for person in people]
    bare, ours = [], []
    for _ in range(2):
        bare += [await bare_loop(channels, options.publishes // 3, n) for n in (1, conf.ABLY_IN_FLIGHT)]
        ours.append(await dispatcher_speed(people, options.publishes))
    return {"sdk_alone": round(max(bare)), "dispatcher": round(max(ours)), "ratio": round(max(ours) / max(bare), 2)}


# --- Tokens a second


def tokens_a_second(site: Site, sessions: list[str]) -> float:
    """From the endpoint, one for each of `sessions`, four callers at a time."""

    def work(some: list[str]) -> None:
        csrf = "c" * 32
        with httpx.Client(base_url=site.url, headers={"X-CSRFToken": csrf}) as client:
            for session in some:
                cookies = f"sessionid={session}; csrftoken={csrf}"
                client.post("/api/v1/ably/token/", headers={"Cookie": cookies}).raise_for_status()

    begun = time.monotonic()
    with ThreadPoolExecutor(4) as callers:
        list(callers.map(work, [sessions[place::4] for place in range(4)]))
    return len(sessions) / (time.monotonic() - begun)


def ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder, AblyServer() as ably:
        database = Path(folder) / "bench.sqlite3"
        environment = environment_for(database, ably)
        manage(environment, "migrate", "--verbosity", "0")
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="semtas.settings", LOG_LEVEL="WARNING")
        import django

        django.setup()
        people = make_people(options.people)
        figures: dict = {"load_before": round(os.getloadavg()[0], 1)}
        with Site(database, ably, LOG_LEVEL="WARNING") as site:
            for arm in ("ably", "sse"):
                figures[arm] = load(site, ably, people, arm, options)
            put_everybody_on(True, site)
            sessions = [session for _, session in people]
            figures["tokens"] = {
                "first": round(tokens_a_second(site, sessions)),
                "again": round(tokens_a_second(site, sessions)),
            }
        figures["publishes"] = asyncio.run(publishing([person for person, _ in people], options))
    figures["p95_ratio"] = round(figures["ably"]["load"]["ms"]["p95"] / figures["sse"]["load"]["ms"]["p95"], 2)
    figures["load_after"] = round(os.getloadavg()[0], 1)
    tell(figures)


def tell(figures: dict) -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, SQLite, one site process, local Ably server")
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
