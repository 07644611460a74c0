"""Stand between the site and Ably's server, and hold back what passes, as a slow network does."""

import asyncio
import contextlib
import threading


class SlowLink:
    """Carry each connection to `port` of this machine on to `target`; each piece waits `latency` seconds."""

    def __init__(self, target: int):
        self.latency = 0.0
        self.port = 0
        self._target = target
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> "SlowLink":
        threading.Thread(target=self._loop.run_forever, name="slow link", daemon=True).start()
        serving = asyncio.start_server(self._carry, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        self.port = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(16_384):
                await asyncio.sleep(self.latency)
                writer.write(piece)
                await writer.drain()
        writer.close()
