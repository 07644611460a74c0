"""Many people who log in within a few seconds: how each is answered, and how long everybody else waits meanwhile."""

import argparse
import asyncio
import time
from collections import Counter

import httpx

PASSWORD = "semtas-bench"
_FILL = f"""
from django.contrib.auth.hashers import make_password
from notificacao.models import Person
password = make_password({PASSWORD!r})
Person.objects.bulk_create([Person(username="p" + str(n), password=password) for n in range(PEOPLE)])
"""


def main() -> None:
    """Start PostgreSQL and one web process with the embedded dispatcher, and let everybody in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    from tests.live.postgres import PostgresServer
    from tests.live.site import Site

    with PostgresServer(fsync=False) as server:
        site = Site(server.create_database(), RATE_LOGIN_ADDRESS="100000/100000")
        site.manage("migrate", "-v0")
        site.manage("shell", "--no-imports", "-c", _FILL.replace("PEOPLE", str(asked.people + 1)))
        site.start()
        try:
            asyncio.run(measure(site.url, asked.people, asked.seconds))
        finally:
            site.close()


async def measure(url: str, people: int, seconds: float) -> None:
    """Let `people` log in, evenly within `seconds`; one more person asks for the session, and a probe for health."""
    limits = httpx.Limits(max_connections=people + 10)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http:
        status, _, cookie = await log_in(http, people)
        assert status == 302
        over, waits, health = asyncio.Event(), [], Counter()
        watching = asyncio.create_task(watch(http, cookie, over, waits, health))
        began = time.perf_counter()
        answers = await asyncio.gather(*(later(http, n, n * seconds / people) for n in range(people)))
        took = time.perf_counter() - began
        over.set()
        await watching
    statuses, times = Counter(status for status, _, _ in answers), sorted(seconds for _, seconds, _ in answers)
    waits.sort()
    print(f"{people} logins within {seconds:g} s: {took:.1f} s until the last; answers {dict(statuses)}")
    print(f"  a login: p50 {times[len(times) // 2]:.2f} s, longest {times[-1]:.2f} s")
    print(f"  everybody else's session: p50 {at(waits, 0.5)} ms, p95 {at(waits, 0.95)} ms, longest {at(waits, 1)} ms")
    print(f"  /health/ready: {dict(health)}")


async def later(http: httpx.AsyncClient, number: int, after: float):
    await asyncio.sleep(after)
    return await log_in(http, number)


async def log_in(http: httpx.AsyncClient, number: int) -> tuple[int, float, str]:
    """Return status, seconds, and the session's cookie."""
    form = {"username": f"p{number}", "password": PASSWORD, "csrfmiddlewaretoken": "a" * 32}
    began = time.perf_counter()
    answer = await http.post("/entrar/", data=form, headers={"Cookie": f"csrftoken={'a' * 32}"})
    return answer.status_code, time.perf_counter() - began, answer.cookies.get("sessionid", "")


async def watch(http: httpx.AsyncClient, cookie: str, over: asyncio.Event, waits: list[float], health: Counter) -> None:
    while not over.is_set():
        began = time.perf_counter()
        await http.get("/api/v1/session/", headers={"Cookie": f"sessionid={cookie}"})
        waits.append(time.perf_counter() - began)
        health[(await http.get("/health/ready")).status_code] += 1
        await asyncio.sleep(0.05)


def at(ordered: list[float], share: float) -> int:
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))])


if __name__ == "__main__":
    main()
