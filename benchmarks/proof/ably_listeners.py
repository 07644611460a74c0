"""Listen at Ably as up to 500 people do, in a process of its own, by the protocol alone; write down what comes.

A thousand of the page's links, which verify each message, would take more of the cores than the dispatcher does. These
clients decrypt, and verify nothing; a share of the people has the page's own link (`clients.py`).

Told in a line of JSON: `{"site", "sessions": {name: session key}, "out"}`. It answers "ready" once all are attached,
then as `listeners.py` does, and writes the same lines, with "ably" for the lane.
"""

import asyncio
import contextlib
import json
import time
from urllib.parse import urlencode

import httpx
import uvloop
import websockets
from ably.types.message import Message
from ably.util.crypto import CbcChannelCipher, get_cipher

from benchmarks.proof.notes import Notes, count_until_the_end, lines_of_stdin, open_all, tell_connections

_AT_ONCE = 20  # that open together
_JOIN_WITHIN = 120  # seconds for all
_WAIT = 0.5  # seconds until a connection that broke off is opened again
_CSRF = "c" * 32
# Actions of Ably's protocol: https://ably.com/docs/realtime/protocol, "Actions"
_ATTACH, _ATTACHED, _MESSAGE = 10, 11, 15


class Seat:
    """One person's connection, with a channel for each that the session names."""

    def __init__(self, notes: Notes, http: httpx.AsyncClient, group: asyncio.TaskGroup, name: str, session: str):
        self._notes = notes
        self._http = http
        self._group = group
        self._name = name
        self._headers = {"Cookie": f"sessionid={session}; csrftoken={_CSRF}", "X-CSRFToken": _CSRF}
        self._ciphers: dict[str, CbcChannelCipher] = {}
        self.connection = 0
        self.joined = asyncio.Event()

    async def open(self) -> None:
        """Begin to listen; what goes wrong ends the group."""
        self._listening = self._group.create_task(self._listen())

    def leave(self) -> None:
        self._listening.cancel()

    async def _listen(self) -> None:
        """Until cancelled; a connection that breaks off is opened anew."""
        while True:
            with contextlib.suppress(websockets.ConnectionClosed):
                async with await self._connection() as socket:
                    self.connection += 1
                    await self._hear_all(socket)
            self._notes.reopened += 1
            await asyncio.sleep(_WAIT)

    async def _connection(self) -> websockets.connect:
        session = await self._ask("GET", "session/?ed25519=true")
        token = (await self._ask("POST", "ably/token/"))["token"]
        self._ciphers = {channel["name"]: get_cipher({"key": channel["key"]}) for channel in session["channels"]}
        query = urlencode({"v": "2", "format": "json", "echo": "false", "access_token": token})
        return websockets.connect(
            f"ws://127.0.0.1:{session['ably']['port']}/?{query}", compression=None, ping_interval=None
        )

    async def _ask(self, method: str, path: str) -> dict:
        answer = await self._http.request(method, f"/api/v1/{path}", headers=self._headers)
        return answer.raise_for_status().json()

    async def _hear_all(self, socket: websockets.ClientConnection) -> None:
        for channel in self._ciphers:
            await socket.send(json.dumps({"action": _ATTACH, "channel": channel}))
        missing = set(self._ciphers)
        async for frame in socket:
            now = time.monotonic_ns()
            told = json.loads(frame)
            if told["action"] == _MESSAGE:
                for message in told["messages"]:
                    self._hear(told["channel"], message, now)
            elif told["action"] == _ATTACHED:
                missing.discard(told["channel"])
                if not missing:
                    self.joined.set()

    def _hear(self, channel: str, message: dict, now: int) -> None:
        if message.get("name") == "notification":
            row = Message.decode(message["data"], message["encoding"], self._ciphers[channel])["data"]
            self._notes.note(self._name, self.connection, row, now)


async def main() -> None:
    lines = await lines_of_stdin()
    told = json.loads(await lines.readline())
    with open(told["out"], "w") as out:
        async with httpx.AsyncClient(base_url=told["site"], timeout=_JOIN_WITHIN) as http, asyncio.TaskGroup() as group:
            notes = Notes("ably", out)
            seats = [Seat(notes, http, group, *one) for one in told["sessions"].items()]
            async with asyncio.timeout(_JOIN_WITHIN):
                await open_all(seats, _AT_ONCE)
            await count_until_the_end(lines, notes)
            for seat in seats:
                seat.leave()
    tell_connections(notes)


if __name__ == "__main__":
    uvloop.run(main())
