"""Ask Ably what only `ably_check` needs: its clock, the messages that it keeps, its answer to a token of ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from ably import AblyException, AblyRealtime

from notificacao.conf import conf
from notificacao.transports import TransportError
from notificacao.transports.ably import messages
from notificacao.transports.ably.client import Client
from notificacao.transports.ably.faults import LACKS_CAPABILITY, fault_of
from notificacao.transports.ably.listening import close, realtime

REFUSED = LACKS_CAPABILITY
TAKEN = 0


async def server_time(client: Client) -> float:
    """Return the seconds since 1970 by Ably's clock. Raises TransportError."""
    return float((await _get(client, "/time"))[0]) / 1_000


async def held(client: Client, channel: str) -> list[dict[str, Any]]:
    """Return the channel's 10 latest messages as Ably keeps them, newest first. Raises TransportError."""
    return await _get(client, f"{messages.path(channel)}?limit=10")


async def _get(client: Client, path: str) -> list[Any]:
    answer = await client.ask("GET", path)
    fault = fault_of(answer)
    if fault is not None:
        raise fault
    return answer.items


async def attach(token: str, channels: Iterable[str]) -> dict[str, int]:
    """Subscribe to each of `channels` with `token`; return `{channel: TAKEN, REFUSED or another of Ably's codes}`.

    Raises TransportError where the token does not even connect.
    """
    client = realtime(_gives(token))
    try:
        return {name: await _attach(client, name) for name in channels}
    finally:
        await close(client)


async def _attach(client: AblyRealtime, channel: str) -> int:
    try:
        async with asyncio.timeout(conf.ABLY_PUBLISH_TIMEOUT):
            await client.channels.get(channel).attach()
    except AblyException as error:
        return error.code
    except TimeoutError as error:
        raise TransportError(
            f"no connection: {client.connection.error_reason or 'no answer'}",
            "o Ably não aceitou a conexão",
            permanent=False,
        ) from error
    return TAKEN


async def publish(token: str, channel: str) -> int:
    """Publish to `channel` with `token`; return Ably's code, TAKEN for success. Raises TransportError."""
    client = Client(_gives(token))
    try:
        return (await client.ask("POST", messages.path(channel), '{"name":"probe"}')).code
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def connected(token: str, channel: str) -> AsyncIterator[asyncio.Event]:
    """Stay subscribed to `channel` with `token` during the block.

    It gives an event, which is set once Ably asks for a new token. Raises TransportError where Ably rejects the token.
    """
    wants_another = asyncio.Event()
    given = False

    async def give(_params: Any) -> str:
        nonlocal given
        if given:
            wants_another.set()
            await asyncio.Event().wait()  # there is no second token to give
        given = True
        return token

    client = realtime(give)
    try:
        code = await _attach(client, channel)
        if code != TAKEN:
            raise TransportError(
                f"{code}: the token was not taken", f"o Ably não aceitou o token (código {code})", permanent=True
            )
        yield wants_another
    finally:
        await close(client)


def _gives(token: str) -> Callable[[Any], Awaitable[str]]:
    async def give(_params: Any) -> str:
        return token

    return give
