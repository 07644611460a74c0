"""The page's link to Ably as a process of its own, listening as one person with tokens of the site's own endpoint."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from notificacao import signing
from tests.waiting import eventually

_SCRIPT = Path(__file__).with_suffix(".mjs")
_CSRF = "c" * 32


class Listener:
    """What it has seen so far is in `events`."""

    def __init__(self, process: asyncio.subprocess.Process):
        self.events: list[dict[str, Any]] = []
        self._process = process

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    def state_of(self, channel: str) -> str | None:
        return next((event["state"] for event in reversed(self.of("channel")) if event["channel"] == channel), None)

    @property
    def connection(self) -> list[tuple[str, int | None]]:
        """Each state of the connection, with the code of its reason."""
        return [(event["state"], event["code"]) for event in self.of("connection")]

    @property
    def seqs(self) -> list[int]:
        """Of the rows that it could read, as they came."""
        return [event["row"]["seq"] for event in self.of("row")]

    async def is_given(self, channels: Iterable[dict]) -> None:
        """These channels, as a session that was fetched anew has them."""
        before = len(self.of("updated"))
        assert self._process.stdin is not None
        told = {"channels": list(channels), "signing_keys": signing.public_keys()}
        self._process.stdin.write(f"{json.dumps(told)}\n".encode())
        await eventually(lambda: len(self.of("updated")) > before)

    async def read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.events.append(json.loads(line))


@contextlib.asynccontextmanager
async def listening(site: str, session: str, port: int, channels: Iterable[dict]) -> AsyncIterator[Listener]:
    """To `channels` (as in the session), attached; the login is that of the session's key `session`."""
    node = shutil.which("node")
    assert node, "node is missing: install Node 20 or newer."
    channels = list(channels)
    what = {"site": site, "session": session, "csrf": _CSRF, "port": port, "channels": channels}
    what["signing_keys"] = signing.public_keys()
    process = await asyncio.create_subprocess_exec(
        node, str(_SCRIPT), json.dumps(what), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    listener = Listener(process)
    reading = asyncio.create_task(listener.read())
    try:
        await eventually(lambda: {"kind": "link", "state": "attached"} in listener.events)
        yield listener
    finally:
        process.kill()
        await process.wait()
        await reading
