"""Pages that are on Ably: the page's own link to Ably beside each page's stream in standby."""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator

from tests.faults import history
from tests.faults.clients import Browser
from tests.live.ably_server import ROOT
from tests.waiting import eventually

_SCRIPT = ROOT / "tests" / "live" / "crowd.mjs"
_LINE = 1_048_576  # bytes
IMPATIENT = {"SDK_RETRY_MS": "2000"}  # who comes back 12 to 30 s later is waited for in one test, not in each


class Crowd:
    """`states`: of each person's link, by name; `brought`: how many rows they brought; `pid` is their process."""

    def __init__(self, pages: dict[str, Browser]):
        self._pages = pages
        self.pid: int | None = None
        self.states: dict[str, str] = {}
        self.brought = 0

    @property
    def attached(self) -> bool:
        return [self.states.get(name) for name in self._pages] == ["attached"] * len(self._pages)

    async def read(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            if not line.endswith(b"\n"):  # killed in the middle of it
                return
            event = json.loads(line)
            if event["kind"] == "link":
                self.states[event["name"]] = event["state"]
                continue
            assert event["kind"] == "row", f"the server signs all that comes: {event}"
            if page := self._pages[event["name"]].page:
                self.brought += 1
                page.hear_beside(event["row"], event["epoch"], history.Path.ABLY)


@contextlib.asynccontextmanager
async def on_ably(site: str, browsers: list[Browser], **environment: str) -> AsyncIterator[Crowd]:
    """One link for each of `browsers`, one a person, all attached; `environment` is that of their process."""
    node = shutil.which("node")
    assert node, "node is missing: install Node 20 or newer."
    crowd = Crowd({browser.person["name"]: browser for browser in browsers})
    sessions = {browser.person["name"]: browser.person["session"] for browser in browsers}
    process = await asyncio.create_subprocess_exec(
        node,
        str(_SCRIPT),
        json.dumps({"site": site, "sessions": sessions}),
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE,
        env=os.environ | environment,
    )
    assert process.stdout is not None
    crowd.pid = process.pid
    reading = asyncio.create_task(crowd.read(process.stdout))
    try:
        await eventually(lambda: crowd.attached)
        yield crowd
    finally:
        process.kill()
        await process.wait()
        await reading
