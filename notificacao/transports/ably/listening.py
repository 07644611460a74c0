"""Listening to a channel over the SDK's Realtime client: for the canary and for `ably_check`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from ably import AblyException, AblyRealtime

from notificacao.conf import conf
from notificacao.transports import TransportError
from notificacao.transports.ably.client import kind_of, sign_own_token
from notificacao.transports.ably.faults import LACKS_CAPABILITY

_CLOSES_WITHIN = 2.0  # seconds


class Listening:
    """What arrives on one channel, in order. The SDK reconnects by itself; what it missed then is missing here."""

    def __init__(self, client: AblyRealtime):
        self._client = client
        self._arrived: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    @property
    def connected(self) -> bool:
        return self._client.connection.state == "connected"

    def take(self, message) -> None:
        self._arrived.put_nowait((message.id, message.data))

    async def next(self) -> tuple[str, Any]:
        """`(message id, data)` of the next one; waits for it."""
        return await self._arrived.get()


@contextlib.asynccontextmanager
async def listen(channel: str, key: bytes | None) -> AsyncIterator[Listening]:
    """Attached to `channel`. Raises TransportError where that does not succeed within ABLY_PUBLISH_TIMEOUT."""
    client = realtime(sign_own_token)
    listening = Listening(client)
    try:
        async with asyncio.timeout(conf.ABLY_PUBLISH_TIMEOUT):
            cipher = {"cipher": {"key": key}} if key else {}
            await client.channels.get(channel, **cipher).subscribe(listening.take)
    except (AblyException, OSError) as error:  # TimeoutError is an OSError
        await close(client)
        ours = getattr(error, "code", 0) == LACKS_CAPABILITY
        raise TransportError(
            f"cannot listen: {type(error).__name__} {error}",
            f"não foi possível ouvir o Ably ({kind_of(error)})",
            permanent=ours,
        ) from error
    except BaseException:
        await close(client)
        raise
    try:
        yield listening
    finally:
        await close(client)


def realtime(auth_callback: Callable[[Any], Awaitable[str]]) -> AblyRealtime:
    """The SDK's client, which connects at once. It ignores `port` (ably-python issue 567): the endpoint carries it."""
    address = {"endpoint": f"{conf.ABLY_ENDPOINT}:{conf.ABLY_PORT}", "tls": conf.ABLY_TLS} if conf.ABLY_ENDPOINT else {}
    return AblyRealtime(auth_callback=auth_callback, use_binary_protocol=False, **address)


async def close(client: AblyRealtime) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_CLOSES_WITHIN):
            await client.close()
