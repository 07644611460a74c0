"""Listen at Ably as a page does: with a person's token, at the address and with the keys of their session."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ably import AblyException, AblyRealtime

from notificacao.transports import TransportError
from notificacao.transports.ably import messages
from notificacao.transports.ably.listening import close


class Hearing:
    """Queue the rows that arrive on one channel; what is not signed by a key of the session is left out."""

    def __init__(self, channel: Mapping[str, Any], signing_keys: Mapping[str, bytes]):
        self._channel = channel["name"]
        self._keys = [base64.b64decode(key) for key in (channel["key"], *channel["old_keys"]) if key]
        self._signers = signing_keys
        self._arrived: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def take(self, message: Any) -> None:
        """Queue a message of the SDK's, for `next`."""
        for key in self._keys:
            row = messages.decode(self._channel, message, key, self._signers)
            if row is not None:
                self._arrived.put_nowait(row)
                return

    async def next(self) -> dict[str, Any]:
        """Wait for the next row, and return it."""
        return await self._arrived.get()


@contextlib.asynccontextmanager
async def hearing(session: Mapping[str, Any], token: str, channel: str, within: float) -> AsyncIterator[Hearing]:
    """Subscribe to `channel` of `session` with `token` during the block.

    Raises TransportError where Ably has not accepted the subscription within so many seconds.
    """
    (state,) = (one for one in session["channels"] if one["name"] == channel)
    place = session["ably"]
    heard = Hearing(state, {one["id"]: base64.b64decode(one["key"]) for one in place["signing_keys"]})

    async def give(_params: Any) -> str:
        return token

    client = AblyRealtime(auth_callback=give, use_binary_protocol=False, **_address(place))
    try:
        await _subscribe(client, channel, heard, within)
        yield heard
    finally:
        await close(client)


async def _subscribe(client: AblyRealtime, channel: str, heard: Hearing, within: float) -> None:
    try:
        async with asyncio.timeout(within):
            await client.channels.get(channel).subscribe(heard.take)
    except (AblyException, OSError) as error:  # TimeoutError is an OSError
        told = f"o Ably não aceitou a conexão ({client.connection.error_reason or type(error).__name__})"
        raise TransportError(f"cannot listen: {error!r}", told, permanent=False) from error


def _address(place: Mapping[str, Any]) -> dict[str, Any]:
    """Return the SDK's options: it ignores its own `port`, so the endpoint carries the port."""
    return {"endpoint": f"{place['endpoint']}:{place['port']}", "tls": place["tls"]} if place["endpoint"] else {}
