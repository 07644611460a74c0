"""Many connections at once: one person's are bounded, one address's too, and the others go on.

`ATTACK_CONNECTIONS=10000 pytest tests/attacks/test_floods.py` tries more of them.
"""

import asyncio
import contextlib
import json
import os
import re
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.asgi import DEADLINE, in_database
from tests.live.site import Site, migrate
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
CONNECTIONS = int(os.environ.get("ATTACK_CONNECTIONS", "2000"))


async def test_one_person_who_opens_thousands_holds_five_and_the_others_get_theirs(
    site, ana, bia, settings, time_stands_still
):
    settings.RATE_STREAMS = (60, 60)
    cookie = await site.cookie(ana)
    statuses: Counter[int] = Counter()
    for _ in range(CONNECTIONS // 500):
        streams = await asyncio.gather(*(site.request(cookie) for _ in range(500)))
        statuses.update(stream.status for stream in streams)
    assert (statuses[200], statuses[429]) == (60, CONNECTIONS - 60)
    assert len(site.hub.registry.subscribers[ana.pk].streams) <= settings.STREAMS_PER_PERSON
    assert (await site.open(bia)).status == 200


async def test_strangers_in_thousands_leave_the_places_to_others(site, ana):
    for _ in range(CONNECTIONS // 500):
        streams = await asyncio.gather(*(site.request("sessionid=inventada") for _ in range(500)))
        assert {stream.status for stream in streams} == {401}
    assert site.application._limits._taken == 0
    assert (await site.open(ana)).status == 200
    await in_database(ana.refresh_from_db)


@pytest.mark.parametrize("served", ["taken"])
@pytest.mark.parametrize("said", [b"", b"GET /api/v1/stream/ HTTP/1.1\r\nhost: a\r\n"])
async def test_who_connects_and_says_less_than_a_request_is_cut_off(site, said, settings):
    settings.REQUEST_HEAD_WITHIN = 0.1
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(said)
    async with asyncio.timeout(DEADLINE):
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 ") if said else answer == b""
    writer.close()


# --- From one address, at a real server

PER_PERSON = 100
_LOG_IN = """
import json
from django.test import Client
from notificacao.models import Person
def key(person):
    browser = Client()
    browser.force_login(person)
    return browser.session.session_key
print(json.dumps([key(Person.objects.create_user(f"p{number}")) for number in range(%d)]))
"""
_TELL_EVERYBODY = """
from notificacao import audiences, services
services.notify([audiences.SYSTEM_CHANNEL], title=%r, message="m")
"""


class Visitor:
    """Opens streams from `address`, each for the next of `keys`, and keeps those that it is given."""

    def __init__(self, site: Site, keys: list[str], address: str):
        self.site, self.keys, self.address = site, keys, address
        self.statuses: Counter[int] = Counter()
        self.retry_after: set[int] = set()
        self.lines: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def open(self, connections: int) -> None:
        for first in range(0, connections, 500):
            await asyncio.gather(*map(self._open, range(first, min(first + 500, connections))))

    async def _open(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.site.port, local_addr=(self.address, 0))
        self.lines.append((reader, writer))
        key = self.keys[number % len(self.keys)]
        writer.write(f"GET /api/v1/stream/ HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: sessionid={key}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        self.statuses[int(head.split()[1])] += 1
        self.retry_after |= {int(seconds) for seconds in re.findall(rb"retry-after: (\d+)", head)}

    def drop(self) -> None:
        while self.lines:
            self.lines.pop()[1].transport.abort()


def memory_of(site: Site) -> int:
    """Bytes of the process that are in memory."""
    return int(Path(f"/proc/{site.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_streams(site: Site) -> float:
    lines = httpx.get(f"{site.url}/metrics", timeout=DEADLINE).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("notificacao_open_streams{"))


@pytest.fixture
def real_site(tmp_path):
    """A server of its own that holds half of the connections for one address, and the logins of enough people."""
    held = CONNECTIONS // 2
    limits = {"STREAMS_PER_PERSON": str(PER_PERSON), "STREAMS_PER_ADDRESS": str(held)}
    database = tmp_path / "site.sqlite3"
    migrate(database)
    with Site(database, RATE_STREAMS="999999/999999", **limits) as site:
        site.keys = json.loads(site.manage("shell", "--no-imports", "-c", _LOG_IN % (held // PER_PERSON + 1)))
        yield site


@pytest.mark.services
async def test_one_address_that_opens_thousands_gets_its_share_and_everybody_else_goes_on(real_site):
    """The same three times: what the first attack cost is given back for the next."""
    *many, one = real_site.keys
    bystander = Visitor(real_site, [one], "127.0.0.8")
    await bystander.open(1)
    real_site.manage("shell", "--no-imports", "-c", _TELL_EVERYBODY % "antes")  # what a stamp needs is loaded once
    async with asyncio.timeout(DEADLINE):
        await bystander.lines[0][0].readuntil(b"antes")
    before, peaks = memory_of(real_site), []
    for attack in ("primeiro", "segundo", "terceiro"):
        attacker = Visitor(real_site, many, "127.0.0.9")
        await attacker.open(CONNECTIONS)
        assert attacker.statuses == {200: CONNECTIONS // 2, 429: CONNECTIONS - CONNECTIONS // 2}
        assert attacker.retry_after <= set(range(5, 16))
        peaks.append(memory_of(real_site))
        real_site.manage("shell", "--no-imports", "-c", _TELL_EVERYBODY % attack)
        async with asyncio.timeout(DEADLINE):
            await bystander.lines[0][0].readuntil(attack.encode())
        assert httpx.get(f"{real_site.url}/health/ready", timeout=DEADLINE).status_code == 200
        attacker.drop()
        await eventually(lambda: open_streams(real_site) == 1)
    bystander.drop()
    assert peaks[-1] - peaks[0] < (peaks[0] - before) / 2
