"""One server process in small: a hub, the stream's ASGI application, and pages that hold a stream of it open."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client

from notificacao import eventlog, rollout, wakes
from notificacao.models import BreakerState, LogHead, Notification, Person, RolloutFlag
from notificacao.services import notify
from notificacao.stream.application import StreamApplication
from notificacao.stream.hub import Hub
from tests import described
from tests.stamping import stamp_all
from tests.waiting import PATIENCE, eventually

DEADLINE = PATIENCE


@dataclass(frozen=True)
class Event:
    """One block of a stream. A block of `retry` is named so; one without data is a `heartbeat`."""

    name: str
    data: Any = None
    id: str | None = None

    @classmethod
    def parse(cls, block: str) -> "Event":
        """Take a block apart; it is to be as docs/api/asyncapi.yaml says."""
        fields = dict(line.partition(": ")[::2] for line in block.split("\n"))
        if "retry" in fields:
            event = cls("retry", int(fields["retry"]))
        elif "data" not in fields:
            event = cls("heartbeat", id=fields.get("id"))
        else:
            event = cls(fields["event"], json.loads(fields["data"]), fields.get("id"))
        described.must_fit(event.name, event.id or "" if event.name == "heartbeat" else event.data)
        return event


class OpenStream:
    """A page's side of one request: what came so far is in `events`; `next` goes on from where it stopped reading."""

    def __init__(self, application: Callable, query: dict[str, str], headers: dict[str, str], method: str = "GET"):
        self.events: list[Event] = []
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.over = False
        self._arrived: asyncio.Queue[Event | None] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._hung_up = False
        self._reads = asyncio.Event()
        self._reads.set()
        self._answered = asyncio.Event()
        self._rest = b""
        self._asked = False
        self._begin(application, query, headers, method)

    def _begin(self, application: Callable, query: dict[str, str], headers: dict[str, str], method: str) -> None:
        scope = {
            "type": "http",
            "method": method,
            "path": "/api/v1/stream/",
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8_000),
            "query_string": urlencode(query).encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        self._watch(application(scope, self._receive, self._send))

    def _watch(self, work: Coroutine) -> None:
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(lambda _: (self._answered.set(), self._arrived.put_nowait(None)))

    async def _receive(self) -> dict:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict) -> None:
        await self._reads.wait()
        if self._gone.is_set() or self._hung_up:
            raise OSError("the page is gone")
        if message["type"] == "http.response.start":
            self._begun(message["status"], dict(message["headers"]))
            return
        self.over = not message.get("more_body", False)
        self._read(message.get("body", b""))

    def _begun(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.status, self.headers = status, headers
        self._answered.set()

    def _read(self, body: bytes) -> None:
        self.body += body
        if self.status == 200:
            *blocks, self._rest = (self._rest + body).split(b"\n\n")
            for block in blocks:
                self._arrived.put_nowait(Event.parse(block.decode()))

    async def answered(self) -> "OpenStream":
        """Once the status is known."""
        async with asyncio.timeout(DEADLINE):
            await self._answered.wait()
        if not self.status:
            await self._task
        return self

    async def next(self, name: str, within: float = DEADLINE) -> Event:
        """The next event of that name; those before it stay in `events`."""
        try:
            async with asyncio.timeout(within):
                while (event := await self._arrived.get()) is not None:
                    self.events.append(event)
                    if event.name == name:
                        return event
        except TimeoutError:
            raise AssertionError(f"no {name} within {within} s; there came {self.events}") from None
        await self._task
        raise AssertionError(f"the stream is over without {name}; there came {self.events}")

    async def counted(self, unread: int) -> bool:
        """Once the last count that came is `unread`."""
        while [event.data["unread"] for event in self.events if event.name == "counts"][-1:] != [unread]:
            await self.next("counts")
        return True

    async def end(self) -> list[Event]:
        """All that came, once the other side has ended the stream."""
        async with asyncio.timeout(DEADLINE):
            await self._task
            while (event := await self._arrived.get()) is not None:
                self.events.append(event)
        return self.events

    def stall(self) -> None:
        """Take nothing more off the wire."""
        self._reads.clear()

    def read_on(self) -> None:
        self._reads.set()

    def hang_up(self) -> None:
        """Be gone in a way that the server finds out only by writing."""
        self._hung_up = True

    async def close(self) -> None:
        """Leave, as a page does that is closed."""
        self._gone.set()
        self._reads.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                await self._task

    @property
    def titles(self) -> list[str]:
        """Of the notifications read so far, in order."""
        return [event.data["title"] for event in self.events if event.name == "notification"]

    def names(self) -> list[str]:
        return [event.name for event in self.events]


class Site:
    """What a test does to the site, and the streams that it opened."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.application = StreamApplication(self.hub)
        self.page: Callable[..., OpenStream] = partial(OpenStream, self.application)
        self._streams: list[OpenStream] = []
        self._cookies: dict[int, str] = {}  # person's pk → session key

    async def request(
        self, cookie: str = "", *, method: str = "GET", last_event_id: str = "", login: str = "", **query
    ) -> OpenStream:
        """Whatever comes of it."""
        headers = {"cookie": cookie} if cookie else {}
        if last_event_id:
            headers["last-event-id"] = last_event_id
        if login:
            headers["x-login"] = login
        stream = self.page(query, headers, method)
        self._streams.append(stream)
        return await stream.answered()

    async def open(self, person: Person, **asked) -> OpenStream:
        """A stream that began and joined: its first counts were read. A 503 is asked again, as its header says.

        In standby the hub knows all that was before: while it authorises somebody it tells them heads and not rows,
        and while it takes Ably for out of use it waits for nothing.
        """
        cookie = await self.cookie(person)
        if asked.get("lane") == "standby":
            await self._hub_knows(await in_database(eventlog.head), await in_database(rollout.current))
        async with asyncio.timeout(DEADLINE):
            while (stream := await self.request(cookie, **asked)).status == 503:
                pass
        assert stream.status == 200, stream.body
        await stream.next("counts")
        return stream

    async def _hub_knows(self, head: LogHead, now: rollout.Rollout) -> None:
        def knows() -> bool:
            known = self.hub._transport_switch.rollout
            return self.hub._last_change >= head.changes and known is not None and known.key == now.key

        wakes.wake(wakes.HUBS)
        await eventually(knows)

    async def cookie(self, person: Person) -> str:
        """Of one login, kept for all of this person's streams."""
        if person.pk not in self._cookies:
            self._cookies[person.pk] = await in_database(log_in, person)
        return f"sessionid={self._cookies[person.pk]}"

    def session_key(self, person: Person) -> str:
        """Of the login that this person's streams share."""
        return self._cookies[person.pk]

    def another_device(self, person: Person) -> None:
        """The next stream of `person` logs in anew."""
        self._cookies.pop(person.pk, None)

    async def publish(self, *titles: str, to: str, **dispatch) -> list[Notification]:
        """Rows in the log, stamped, which wakes the hub, with the dispatch columns that are given."""
        return await in_database(publish, titles, to, dispatch)

    async def close(self) -> None:
        for stream in self._streams:
            await stream.close()
        self.application.close()


def publish(titles: tuple[str, ...], channel: str, dispatch: dict) -> list[Notification]:
    rows = [notify([channel], title=title, message="Há algo a fazer.")[0] for title in titles]
    if dispatch:
        Notification.objects.filter(pk__in=[row.pk for row in rows]).update(**dispatch)
    stamp_all()
    return list(Notification.objects.filter(pk__in=[row.pk for row in rows]).order_by("seq"))


def log_in(person: Person) -> str:
    """A session's key."""
    client = Client()
    client.force_login(person)
    return client.session.session_key


def set_rollout(percent=None, everyone=None, breaker=None) -> None:
    """The flag's row, and the breaker's where it is given, as an admin page and a dispatcher write them."""
    if percent is not None or everyone is not None:
        RolloutFlag.objects.filter(name="ably").update(percent=percent or 0, everyone=everyone)
    if breaker is not None:
        BreakerState.objects.filter(pk="ably").update(state=breaker)
    wakes.wake(wakes.HUBS)


async def in_database(work: Callable, *args, **fields) -> Any:
    """What `work` returns, computed on the thread of Django's own that has this test's connection."""
    return await sync_to_async(work)(*args, **fields)


@contextlib.asynccontextmanager
async def running_site(*, taken: bool = False) -> AsyncIterator[Site]:
    """`taken`: behind a socket, whose connections uvicorn gives away."""
    site = Site()
    running = asyncio.create_task(site.hub.run())
    try:
        await eventually(lambda: site.hub.position.epoch)
        async with contextlib.AsyncExitStack() as stack:
            if taken:
                from tests.sockets import SocketStream, listening

                site.port, site.connections = await stack.enter_async_context(listening(site.application))
                site.page = partial(SocketStream, site.port)
            yield site
    finally:
        await site.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await in_database(connections.close_all)
