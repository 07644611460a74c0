"""A TCP proxy that records every byte, in both directions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Wiretap:
    """What crossed is in `sent` and `answered`, one entry a connection, in the order in which they were opened."""

    def __init__(self) -> None:
        self.port = 0
        self.sent: list[bytearray] = []
        self.answered: list[bytearray] = []

    async def carry(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until both sides have ended it."""
        there, back = await asyncio.open_connection("127.0.0.1", port)
        self.sent.append(bytearray())
        self.answered.append(bytearray())
        await asyncio.gather(_pass(reader, back, self.sent[-1]), _pass(there, writer, self.answered[-1]))

    @property
    def everything(self) -> bytes:
        return b"\n".join(map(bytes, self.sent + self.answered))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            record += chunk
            writer.write(chunk)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def wiretap(port: int) -> AsyncIterator[Wiretap]:
    """Between whoever connects to `.port` and 127.0.0.1:`port`."""
    tap = Wiretap()
    server = await asyncio.start_server(lambda reader, writer: tap.carry(port, reader, writer), "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        server.close()
