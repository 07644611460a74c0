"""npm's SDK as a process of its own that listens as one person, with tokens of the site's own endpoint."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from tests.waiting import eventually

_SCRIPT = Path(__file__).with_suffix(".mjs")
_CSRF = "c" * 32


class Listener:
    """What it has seen so far is in `events`."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]

    def state_of(self, channel: str) -> str | None:
        return next((e["state"] for e in reversed(self.of("channel")) if e["name"] == channel), None)

    @property
    def connection(self) -> list[tuple[str, int | None]]:
        """Each state of the connection, with the code of its reason."""
        return [(event["state"], event["code"]) for event in self.of("connection")]

    async def attached(self, *channels: str, within: float = 20) -> "Listener":
        await eventually(lambda: all(self.state_of(name) == "attached" for name in channels), within)
        return self

    async def read(self, output: asyncio.StreamReader) -> None:
        async for line in output:
            self.events.append(json.loads(line))


@contextlib.asynccontextmanager
async def listening(site: str, session: str, port: int, channels: Mapping[str, str]) -> AsyncIterator[Listener]:
    """`channels` is `{name: key in base64}`; the login is that of the session's key `session`."""
    node = shutil.which("node")
    assert node, "node is missing: install Node 20 or newer."
    what = json.dumps({"site": site, "session": session, "csrf": _CSRF, "port": port, "channels": dict(channels)})
    process = await asyncio.create_subprocess_exec(
        node, str(_SCRIPT), what, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    listener = Listener()
    assert process.stdout is not None
    reading = asyncio.create_task(listener.read(process.stdout))
    try:
        yield listener
    finally:
        process.kill()
        await process.wait()
        await reading
