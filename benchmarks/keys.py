"""How long after a channel's key is renewed each page in a unit of 500 has the new one, by its stream."""

import argparse
import asyncio
import os
import re
import time
from statistics import median

_NEW_KEY = re.compile(rb"event: keys\ndata: (\{.*\})\n")
_WAITS = 0.3  # seconds that a page keeps a message that none of its keys opens


def main() -> None:
    """Start PostgreSQL, the Ably-compatible server and one site; take members out of the unit one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--leave", type=int, default=10, help="how many of them leave, one after the other")
    asked = parser.parse_args()
    from tests.live.ably_server import AblyServer
    from tests.live.postgres import PostgresServer
    from tests.live.site import Site, environment_for

    with PostgresServer(fsync=False) as server, AblyServer() as ably:
        url = server.create_database()
        os.environ |= environment_for(url, ably, DJANGO_SETTINGS_MODULE="semtas.settings")
        load_before = os.getloadavg()[0]
        with Site(url, ably, STREAMS_PER_ADDRESS=str(2 * asked.people)) as site:
            late = asyncio.run(measure(site, asked.people, asked.leave))
    print(f"{len(late)} new keys at pages of a unit of {asked.people}, load before {load_before:.1f}; seconds since:")
    print(f"p50 {median(late):.3f}, p95 {sorted(late)[int(0.95 * len(late))]:.3f}, longest {max(late):.3f}")
    print(f"later than {_WAITS:g} s: {sum(one > _WAITS for one in late)}")


async def measure(site, people: int, leave: int) -> list[float]:
    """Return, of each page and each key that was renewed while it stayed, the seconds until it had it."""
    import django

    django.setup()
    from asgiref.sync import sync_to_async

    logins, renewed, take_out = await sync_to_async(_prepare)(people, site)
    pages = [Page(login) for login in logins]
    try:
        for page in pages:
            await page.open(site.port)
        late = []
        for login in logins[:leave]:
            for page in pages:
                page.came = None
            await sync_to_async(take_out)(login)
            stay = pages[leave:]
            while any(page.came is None for page in stay):
                await asyncio.sleep(0.01)
            at = await sync_to_async(renewed)()
            late += [page.came - at for page in stay]
        return late
    finally:
        for page in pages:
            page.close()


def _prepare(people: int, site):
    """Put `people` into one unit and on Ably; return their logins, when its key was renewed, and who takes one out."""
    from benchmarks.ably import put_everybody_on
    from benchmarks.people import log_everybody_in
    from notificacao import audiences
    from notificacao.models import Channel, Membership, Unit

    logins = log_everybody_in(people)
    unit = Unit.objects.first()
    Membership.objects.all().delete()
    Membership.objects.bulk_create(
        [Membership(person_id=login.person_pk, role="TECNICO", unit=unit) for login in logins], batch_size=1_000
    )
    put_everybody_on(True, site)
    channel = Channel.objects.filter(pk=audiences.channel_for_unit(unit))

    def renewed() -> float:
        return channel.values_list("key_renewed_at", flat=True)[0].timestamp()

    def take_out(login) -> None:
        Membership.objects.get(person_id=login.person_pk).delete()

    return logins, renewed, take_out


class Page:
    """A stream in standby; `came` is when the last new key was there, by the machine's clock."""

    def __init__(self, login):
        self._request = login.request().replace(b"lane=live", b"lane=standby")
        self.came: float | None = None

    async def open(self, port: int) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._writer.write(self._request)
        assert b" 200 " in await reader.readline()
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        tail = b""
        while data := await reader.read(65_536):
            tail = (tail + data)[-4_000:]
            if _NEW_KEY.search(tail):
                self.came, tail = time.time(), b""

    def close(self) -> None:
        self._reading.cancel()
        self._writer.close()


if __name__ == "__main__":
    main()
