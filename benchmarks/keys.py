"""How long after a channel's key is renewed each page in a unit of 500 has the new one, by its stream."""

import argparse
import asyncio
import os
import re
import time
import urllib.request
from statistics import median

_NEW_KEY = re.compile(rb"event: keys\ndata: (\{.*\})\n")
_WAITS = 0.3  # seconds that a page keeps a message that none of its keys opens


def main() -> None:
    """Start PostgreSQL, the Ably-compatible server and one site; have members leave the unit, or join it, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--leave", type=int, default=10, help="how many of them leave, one after the other")
    parser.add_argument("--join", type=int, default=0, help="how many join one after the other, instead of leaving")
    asked = parser.parse_args()
    from tests.live.ably_server import AblyServer
    from tests.live.postgres import PostgresServer
    from tests.live.site import Site, environment_for

    with PostgresServer(fsync=False) as server, AblyServer() as ably:
        url = server.create_database()
        os.environ |= environment_for(url, ably, DJANGO_SETTINGS_MODULE="semtas.settings")
        load_before = os.getloadavg()[0]
        with Site(url, ably, STREAMS_PER_ADDRESS=str(2 * asked.people)) as site:
            late = asyncio.run(measure(site, asked.people, asked.join or asked.leave, join=bool(asked.join)))
    print(f"{len(late)} new keys at pages of a unit of {asked.people}, load before {load_before:.1f}; seconds since:")
    print(f"p50 {median(late):.3f}, p95 {sorted(late)[int(0.95 * len(late))]:.3f}, longest {max(late):.3f}")
    print(f"later than {_WAITS:g} s: {sum(one > _WAITS for one in late)}")


async def measure(site, people: int, moves: int, *, join: bool) -> list[float]:
    """Return, of each page and each key that was renewed while it stayed, the seconds until it had it."""
    import django

    django.setup()
    from asgiref.sync import sync_to_async

    logins, renewed, move = await sync_to_async(_prepare)(people, site, moves if join else 0)
    pages = [Page(login) for login in logins]
    try:
        for page in pages:
            await page.open(site.port)
        late = []
        for login in logins[:moves]:
            for page in pages:
                page.came = None
            began = time.time()
            await sync_to_async(move)(login)
            stay = pages[moves:]
            while any(page.came is None for page in stay):
                await asyncio.sleep(0.01)
            at = await sync_to_async(renewed)()
            late += [page.came - at for page in stay]
            if join:
                mine = pages[logins.index(login)].came
                print(f"the newcomer had it {mine - began if mine else float('nan'):.3f} s after they asked to join")
        return late
    finally:
        for page in pages:
            page.close()


def _prepare(people: int, site, newcomers: int):
    """Put `people` into one unit and on Ably, but the first `newcomers`, who come after something was sent there.

    Return their logins, when its key was renewed, and what takes one out, or puts one in and asks for their session.
    """
    from benchmarks.ably import put_everybody_on
    from benchmarks.people import log_everybody_in
    from notificacao import audiences
    from notificacao.models import Channel, Membership, Unit

    logins = log_everybody_in(people)
    unit = Unit.objects.first()
    Membership.objects.all().delete()
    Membership.objects.bulk_create(
        [Membership(person_id=login.person_pk, role="TECNICO", unit=unit) for login in logins[newcomers:]],
        batch_size=1_000,
    )
    put_everybody_on(True, site)
    name = audiences.channel_for_unit(unit)
    channel = Channel.objects.filter(pk=name)
    if newcomers:
        _send(name)

    def renewed() -> float:
        return channel.values_list("key_renewed_at", flat=True)[0].timestamp()

    def take_out(login) -> None:
        Membership.objects.get(person_id=login.person_pk).delete()

    def put_in(login) -> None:
        Membership.objects.create(person_id=login.person_pk, role="TECNICO", unit=unit)
        _ask_for_session(site.port, login)
        _send(name)  # what the next one must not read

    return logins, renewed, put_in if newcomers else take_out


def _send(channel: str) -> None:
    """Send something on `channel`, and wait until it went out."""
    from notificacao.models import DispatchState, Notification
    from notificacao.services import notify

    row, *_ = notify([channel], title="Antes", message="De antes.")
    while Notification.objects.filter(pk=row.pk, dispatch_state=DispatchState.PENDING).exists():
        time.sleep(0.01)


def _ask_for_session(port: int, login) -> None:
    cookie = {"Cookie": f"sessionid={login.session_key}"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/session/?ed25519=true", headers=cookie)
    urllib.request.urlopen(asked).read()


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
