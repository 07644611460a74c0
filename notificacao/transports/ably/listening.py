"""Listen to a channel over the SDK's Realtime client, for the canary and for `ably_check`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from ably import AblyException, AblyRealtime

from notificacao.conf import conf
from notificacao.transports import TransportError
from notificacao.transports.ably import messages
from notificacao.transports.ably.client import kind_of, sign_own_token
from notificacao.transports.ably.faults import LACKS_CAPABILITY

_CLOSES_WITHIN = 2.0  # seconds


class Listening:
    """Queue the messages that arrive on one channel, in order.

    The SDK reconnects by itself; the messages that it missed meanwhile are missing here too.
    """

    def __init__(self, client: AblyRealtime, channel: str, key: bytes):
        self._client = client
        self._channel = channel
        self._key = key
        self._arrived: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    @property
    def connected(self) -> bool:
        """Tell whether the connection to Ably is up."""
        return self._client.connection.state == "connected"

    def take(self, message) -> None:
        """Queue a message of the SDK's, for `next`."""
        self._arrived.put_nowait((message.id, messages.decode(self._channel, message, self._key)))

    async def next(self) -> tuple[str, Any]:
        """Wait for the next message, and return its `(message id, data)`; data None: we did not sign it."""
        return await self._arrived.get()


@contextlib.asynccontextmanager
async def listen(channel: str, key: bytes) -> AsyncIterator[Listening]:
    """Subscribe to `channel` during the block, verify what comes, and decrypt it with `key`.

    The SDK's channel has no cipher: nothing is decoded before it is verified.

    Raises TransportError where Ably has not accepted the subscription within ABLY_PUBLISH_TIMEOUT seconds; it is
    `permanent` where our key may not subscribe.
    """
    client = realtime(sign_own_token)
    listening = Listening(client, channel, key)
    try:
        async with asyncio.timeout(conf.ABLY_PUBLISH_TIMEOUT):
            await client.channels.get(channel).subscribe(listening.take)
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
    """Return the SDK's Realtime client, which connects at once.

    The SDK ignores the option `port` (ably-python issue 567), so the endpoint carries the port.
    """
    address = {"endpoint": f"{conf.ABLY_ENDPOINT}:{conf.ABLY_PORT}", "tls": conf.ABLY_TLS} if conf.ABLY_ENDPOINT else {}
    return AblyRealtime(auth_callback=auth_callback, use_binary_protocol=False, **address)


async def close(client: AblyRealtime) -> None:
    """Close `client`, for two seconds at most; no error of its closing is raised."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_CLOSES_WITHIN):
            await client.close()
