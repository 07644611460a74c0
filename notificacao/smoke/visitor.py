"""Visit a site over HTTP as one person's browser does, and send to it as another system does."""

import base64
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

_ANSWERED_WITHIN = 10.0  # seconds


@dataclass(frozen=True)
class Access:
    """Hold the address of the site, a person's login, and a producer's key."""

    url: str
    username: str
    password: str
    key: str


class Visitor:
    """Keep the cookies of one visit. Every call raises httpx.HTTPError where the site does not answer in time."""

    def __init__(self, access: Access):
        self._access = access
        parts = urlsplit(access.url)
        self._http = httpx.AsyncClient(
            base_url=access.url,
            timeout=_ANSWERED_WITHIN,
            headers={"Origin": f"{parts.scheme}://{parts.netloc}", "User-Agent": "semtas-smoke"},
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: str) -> httpx.Response:
        return await self._http.get(path, params=query or None)

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        """Post `body` as JSON under the person's login."""
        return await self._http.post(path, json=body, headers={"X-CSRFToken": self._csrf()})

    async def log_in(self) -> httpx.Response:
        """Fill in the login's form; a redirect says that it was accepted."""
        await self._http.get("entrar/")
        login = {"username": self._access.username, "password": self._access.password, "next": ""}
        return await self._http.post("entrar/", data=login | {"csrfmiddlewaretoken": self._csrf()})

    async def log_out(self) -> httpx.Response:
        return await self._http.post("sair/", data={"csrfmiddlewaretoken": self._csrf()})

    async def send(self, notification: dict[str, Any]) -> httpx.Response:
        """Send as the producer whose key this is, without the person's cookies."""
        headers = {"Authorization": f"Api-Key {self._access.key}", "Idempotency-Key": str(uuid.uuid4())}
        async with httpx.AsyncClient(base_url=self._access.url, timeout=_ANSWERED_WITHIN) as http:
            return await http.post("api/v1/notifications/", json=notification, headers=headers)

    @contextlib.asynccontextmanager
    async def stream(self, cursor: str) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
        """Open the live lane during the block, and give its events as `(name, data)`. Raises httpx.HTTPStatusError."""
        browser = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        query = {"lane": "live", "cursor": cursor, "browser": browser}
        async with self._http.stream("GET", "api/v1/stream/", params=query, timeout=None) as answer:
            answer.raise_for_status()
            yield _events(answer)

    def _csrf(self) -> str:
        return self._http.cookies.get("csrftoken") or ""


async def _events(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = "message"
    async for line in answer.aiter_lines():
        field, _, value = line.partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data":
            yield name, json.loads(value)
