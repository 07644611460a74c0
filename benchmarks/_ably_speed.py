"""How fast one dispatcher publishes beside a bare loop of the SDK, and how fast the endpoint gives tokens."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.live.site import Site


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


async def dispatcher_speed(people: list, count: int, commit: Callable) -> float:
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


async def publishing(people: list, publishes: int, commit: Callable) -> dict:
    """Each twice, in turns; the better one counts, since the machine is not ours alone."""
    from django.conf import settings

    from notificacao import audiences
    from notificacao.conf import conf

    settings.ABLY_SLOW_AFTER = 30.0  # how fast it can be, and not how fast Ably must be
    channels = [audiences.channel_for_user(person) for person in people]
    bare, ours = [], []
    for _ in range(2):
        bare += [await bare_loop(channels, publishes // 3, n) for n in (1, conf.ABLY_IN_FLIGHT)]
        ours.append(await dispatcher_speed(people, publishes, commit))
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
