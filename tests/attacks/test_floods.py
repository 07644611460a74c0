"""Many connections at once: one person's are bounded, and the others go on.

`ATTACK_CONNECTIONS=10000 pytest tests/attacks/test_floods.py` tries more of them.
"""

import asyncio
import contextlib
import os
from collections import Counter

import pytest

from notificacao import takeover
from tests.asgi import DEADLINE, in_database

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
    assert len(site.hub.roster.listeners[ana.pk].streams) <= settings.STREAMS_PER_PERSON
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
async def test_who_connects_and_says_less_than_a_request_is_cut_off(site, said, monkeypatch):
    monkeypatch.setattr(takeover, "HEAD_WITHIN", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(said)
    async with asyncio.timeout(DEADLINE):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
