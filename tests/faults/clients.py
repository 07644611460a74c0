"""Browsers by the dozen in one process: real connections, the page's own rules, and a history of each."""

import asyncio
import contextlib
import json
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.faults.page import Page

_ANSWERED_WITHIN = 10.0  # seconds, as in api.js
_HEAD_PATIENCE = 1.0  # seconds, as in client.js
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # one for all: each would read the machine's authorities


@dataclass(frozen=True)
class Patience:
    """Hold how long a page waits, in seconds: `silence` of a stream until it is opened anew; `first` and `longest`
    until the next attempt at a stream; `retry` and `longest_retry` until what was not answered is asked again.
    """

    silence: float
    first: float
    longest: float
    retry: float
    longest_retry: float


HASTY = Patience(silence=4.0, first=0.3, longest=2.0, retry=0.5, longest_retry=0.5)  # for servers heard every second
AS_BROWSERS = Patience(silence=40.0, first=1.0, longest=30.0, retry=2.0, longest_retry=30.0)  # lane.js, patience.js


class SignedOut(Exception):
    """401: the page goes to the login."""


class Reset(Exception):
    """410: the log does not answer from that cursor."""


class Browser:
    """One page of a person. `sites`: what a load balancer chooses from; `lane`: which to ask for, each time anew; None:
    the one of the session's transport, and another where the session says so.
    """

    def __init__(
        self,
        sites: list[str],
        person: dict,
        lane: Callable[[], str] | None,
        name: str,
        patience: Patience = HASTY,
    ):
        self.name = name
        self.person = person
        self.page: Page | None = None
        self.heard = asyncio.Event()  # anything, since it was last cleared
        self.last = "opens its first stream"  # what became of its stream, for whoever asks why something is missing
        self.heard_at = 0.0
        self.live_at: float | None = None  # by the monotonic clock: the first word of a stream in the live lane
        self._sites = sites
        self._lane = lane
        self._patience = patience
        self._browser = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=22))
        self._reading: asyncio.Task | None = None
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        async with new_http() as self._http:
            session, rows = await self._session_and_list()
            self.page = Page(self.name, session, rows)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_open(self.page))
                tasks.create_task(self._heal(self.page))
                tasks.create_task(self._refresh(self.page))

    # --- The stream

    async def _keep_open(self, page: Page) -> None:
        failures = 0
        while True:
            self._reading = asyncio.create_task(self._read(page))
            await asyncio.wait([self._reading])
            page.close()
            if page.wants_restart:
                page.begin(*await self._session_and_list())
                continue
            if self._reading.cancelled():  # reopened at once
                continue
            was_open, pause = self._reading.result()
            failures = 0 if was_open else failures + 1
            limit = min(self._patience.longest, self._patience.first * 2**failures)
            await asyncio.sleep(random.uniform(0, limit) if pause is None else pause)

    async def _read(self, page: Page) -> tuple[bool, float | None]:
        """One stream until its end: whether it was open, and how long to wait, where the server said so."""
        was_open = False
        lane = self._lane() if self._lane else page.lane_by_session
        query = {"lane": lane, "cursor": page.open(lane), "browser": self._browser}
        address = f"{self._site()}/api/v1/stream/"
        try:
            async with self._http.stream(
                "GET", address, params=query, headers=self._headers, timeout=self._patience.silence
            ) as answer:
                self.last = f"was answered {answer.status_code}, to wait {_retry_after(answer)} s"
                if answer.status_code == 403 and self._lane is None:  # taken off Ably meanwhile
                    page.apply(await self._fetch("/api/v1/session/?ed25519=true"))
                    return False, 0.0
                if answer.status_code != 200:
                    _refused(answer.status_code)
                    return False, _retry_after(answer)
                async for name, data, event_id in _events(answer):
                    was_open = True
                    if name == "bye":
                        _refused(401 if data["reason"] == "signed_out" else 200)
                        return True, data["after_ms"] / 1_000 + random.uniform(0, 0.5)
                    self._hear(page, name, data, event_id)
        except httpx.HTTPError as error:
            self.last = f"broke off: {error!r}"
        return was_open, None

    def _hear(self, page: Page, name: str, data, event_id: str | None) -> None:
        page.hear(name, data, event_id)
        self.last, self.heard_at = f"heard {name}", time.monotonic()
        self.heard.set()
        self._moved.set()
        if page.lane == "live" and self.live_at is None:
            self.live_at = time.monotonic()
        if page.wants_restart or self._moves(page):
            self._reopen()

    def _moves(self, page: Page) -> bool:
        """Whether its session names another lane by now."""
        return self._lane is None and page.lane not in (None, page.lane_by_session)

    def _reopen(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    def __str__(self) -> str:
        """How it stands."""
        page = self.page
        if page is None:
            return f"{self.name} has no session yet"
        wants = [word for word in ("lacks", "wants_session", "wants_restart", "wants_reopening") if getattr(page, word)]
        ago = time.monotonic() - self.heard_at
        return f"{self.name}: stream {page.connection} ({page.lane}) {self.last}, {ago:.1f} s ago; {', '.join(wants)}"

    # --- What is fetched beside it

    async def _heal(self, page: Page) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            if not page.lacks:
                continue
            await asyncio.sleep(_HEAD_PATIENCE * random.uniform(1, 1.3))
            while page.lacks and not page.wants_restart:
                cursor, only = page.ask()
                query = {"after": cursor, "limit": "200"} | ({"channel": only} if only else {})
                try:
                    page.catch_up(await self._fetch("/api/v1/notifications/", **query), cursor, only)
                except Reset:
                    page.wants_restart = True
                    self._reopen()

    async def _refresh(self, page: Page) -> None:
        """The session again, whenever the page wants it."""
        while True:
            await self._moved.wait()
            await asyncio.sleep(random.uniform(0, 0.5))
            if page.wants_session:
                page.apply(await self._fetch("/api/v1/session/?ed25519=true"))
                if page.wants_restart or page.wants_reopening or self._moves(page):
                    self._reopen()

    async def _session_and_list(self) -> tuple[dict, list[dict]]:
        """The position first; then the list back to where this page once began."""
        session = await self._fetch("/api/v1/session/?ed25519=true")
        inbox = await self._fetch("/api/v1/notifications/", page_size="100")
        rows = inbox["results"]
        while self.page is not None and inbox["next"] and rows[-1]["seq"] > self.page.history.start:
            inbox = await self._fetch(inbox["next"].partition("/api/")[2].join(("/api/", "")))
            rows += inbox["results"]
        return session, rows

    async def _fetch(self, path: str, **query: str) -> dict:
        """Asked until it is answered. Raises SignedOut, Reset."""
        retry = self._patience.retry
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await self._http.get(self._site() + path, params=query or None, headers=self._headers)
                if answer.status_code == 200:
                    return answer.json()
                _refused(answer.status_code)
                if answer.status_code == 410:
                    raise Reset
            await asyncio.sleep(retry * random.uniform(0.5, 1.5))
            retry = min(2 * retry, self._patience.longest_retry)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Cookie": f"sessionid={self.person['session']}"}

    def _site(self) -> str:
        return random.choice(self._sites)


def _refused(status: int) -> None:
    if status == 401:
        raise SignedOut
    if status in (400, 403, 404):
        raise AssertionError(f"the site refused what it should grant: {status}")


def _retry_after(answer: httpx.Response) -> float | None:
    seconds = answer.headers.get("retry-after")
    return float(seconds) if seconds else None


async def _events(answer: httpx.Response):
    """`(name, data, id)` of each whole event; a block without data is a heartbeat, as its comment says."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
            continue
        if "data" in fields:
            yield fields["event"], json.loads(fields["data"]), fields.get("id")
        elif "" in fields:
            yield "heartbeat", None, fields[""] or None
        fields = {}


def new_http(base_url: str = "", timeout: float = _ANSWERED_WITHIN) -> httpx.AsyncClient:
    """Each call on a connection of its own, since a kept one may be closed in the moment of the next call.

    One for each page: what a pool does at each call grows with what is open in it.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=base_url, limits=limits, timeout=timeout, trust_env=False, verify=_NO_TLS)
