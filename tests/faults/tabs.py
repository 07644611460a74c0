"""Pages of the simulated world, each with its stream and its link to a model of Ably."""

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from notificacao import audiences
from notificacao.api.session import describe
from notificacao.models import Notification, Person
from notificacao.reading import Reader
from notificacao.transports import Envelope, Sealed
from notificacao.wire import WireNotification
from tests.asgi import Event
from tests.fake_transport import transient
from tests.faults.history import Path
from tests.faults.page import Page

if TYPE_CHECKING:
    from tests.faults.world import World


class Ably:
    """Takes a message once by its id, and gives it to whoever is attached and may hear it."""

    def __init__(self) -> None:
        self.down = False
        self.links: list[Link] = []
        self._known: set[str] = set()

    def seal(self, envelope: Envelope) -> None:
        envelope.sealed = Sealed("{}", 2)

    async def publish(self, envelopes: list[Envelope]) -> list[Exception | None]:
        await asyncio.sleep(0)
        if self.down:
            raise transient()
        for envelope in envelopes:
            self._take(envelope)
        return [None] * len(envelopes)

    def _take(self, envelope: Envelope) -> None:
        row = WireNotification.of(envelope.row).model_dump(mode="json")
        if row["id"] in self._known:
            return
        self._known.add(row["id"])
        for link in self.links:
            if row["channel"] in audiences.channels_of([link.person.pk])[link.person.pk]:
                link.messages.append((row, envelope.epoch))

    async def probe(self) -> None:
        if self.down:
            raise transient()

    async def close(self) -> None:
        pass


class Link:
    """A page's attachment; what came over it waits until the page reads."""

    def __init__(self, person: Person):
        self.person = person
        self.messages: deque[tuple[dict, str]] = deque()


class Line:
    """One request for a stream, and the bytes that wait to be read."""

    def __init__(self, application, lane: str, cursor: str, cookie: str, browser: str):
        self.status = 0
        self.over = False
        self._bytes = b""
        self._gone = asyncio.Event()
        self._asked = False
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/v1/stream/",
            "server": ("127.0.0.1", 8_000),
            "query_string": urlencode({"lane": lane, "cursor": cursor, "browser": browser}).encode(),
            "headers": [(b"cookie", f"sessionid={cookie}".encode())],
        }
        self._task = asyncio.get_event_loop().create_task(self._ask(application, scope))

    async def _ask(self, application, scope: dict) -> None:
        with contextlib.suppress(OSError):
            await application(scope, self._receive, self._send)

    async def _receive(self) -> dict:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict) -> None:
        if self._gone.is_set():
            raise OSError("the page is gone")
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self._bytes += message.get("body", b"")
            self.over = not message.get("more_body", False)

    def read(self) -> list[Event]:
        """All whole events that came since the last look."""
        if self.status != 200:
            return []
        *blocks, self._bytes = self._bytes.split(b"\n\n")
        return [Event.parse(block.decode()) for block in blocks]

    def drop(self) -> None:
        """What was not read is gone."""
        self._bytes = b""
        self._gone.set()


class Tab:
    """A page of a person and what it holds open. With a `leader` it has no stream: that tab relays."""

    def __init__(self, world: "World", person: Person, name: str, leader: "Tab | None" = None):
        self.world = world
        self.person = person
        self.leader = leader
        self.link: Link | None = None
        self.line: Line | None = None
        self.browser = name.ljust(22, "_")
        self.page = Page(name, *self._session_and_list(), expired=lambda row: row["id"] in world.expired)

    def _session_and_list(self) -> tuple[dict, list[dict]]:
        session = self._session()
        rows = Reader(self.person).inbox()
        return session, [wire(row) for row in rows.order_by("-seq")]

    def _session(self) -> dict:
        return describe(self.person, self.world.cookies[self.person.pk], can_verify=True).model_dump(mode="json")

    # --- Its connections

    def open(self, lane: str) -> None:
        self.drop()
        cookie = self.world.cookies[self.person.pk]
        self.line = Line(self.world.application, lane, self.page.open(lane), cookie, self.browser)

    def drop(self) -> None:
        if self.line is not None:
            self.line.drop()
            self.page.close()
            self.line = None

    def attach(self) -> None:
        self.link = Link(self.person)
        self.world.ably.links.append(self.link)

    def detach(self) -> None:
        """Suspended, or without a token: what was not read is gone."""
        if self.link is not None:
            self.world.ably.links.remove(self.link)
            self.link = None

    def die(self) -> None:
        self.drop()
        self.detach()
        for tab in self.followers:
            tab.leader = None

    @property
    def followers(self) -> list["Tab"]:
        return [tab for tab in self.world.tabs if tab.leader is self]

    # --- What the page does with what came

    def read(self) -> None:
        """Everything that waits, of the stream and of Ably."""
        for event in self.line.read() if self.line else []:
            self._hear(event)
        while self.link and self.link.messages:
            row, epoch = self.link.messages.popleft()
            for tab in (self, *self.followers):
                tab.page.hear_beside(row, epoch, Path.ABLY if tab is self else Path.RELAYED)
        if self.line and (self.line.over or self.page.wants_restart):
            self.drop()

    def _hear(self, event: Event) -> None:
        if event.name in ("retry", "bye", "counts"):
            return
        self.page.hear(event.name, event.data, event.id)
        for tab in self.followers:
            if event.name == "notification":
                tab.page.hear_beside(event.data, tab.page.state.epoch, Path.RELAYED)
            elif event.name != "heartbeat":
                tab.page.hear(event.name, event.data, None)

    def follow_up(self) -> None:
        """What the page asks for, once."""
        if self.page.wants_restart:
            self.page.begin(*self._session_and_list())
        if self.page.wants_session:
            self.page.apply(self._session())
            if self.page.wants_reopening:
                self.open(self.page.lane)
        if self.page.lane == "standby" and self.page.lane_by_session == "live" and not self._is_assigned:
            self.open("live")
        if self.page.lacks:
            cursor, only = self.page.ask()
            self.page.catch_up(self.world.read_after(self.person, cursor, only), cursor, only)

    def go_on(self) -> None:
        """What the page does by itself, sooner or later; what the site answers 503 it asks again."""
        self.read()
        with self.world.unless_busy():
            self.follow_up()
        if self.leader is None and (self.line is None or self.line.status not in (0, 200)):
            self.open("standby" if self.link and self._is_assigned else "live")

    @property
    def _is_assigned(self) -> bool:
        return self.world.assigned(self.person)


def wire(row: Notification) -> dict:
    return WireNotification.of(row).model_dump(mode="json")
