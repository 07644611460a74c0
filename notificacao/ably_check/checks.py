"""Check with a real key whether Ably accepts all that this system asks of it, and say what to do where it does not.

Each check gives one `Finding`, in pt-BR. It leaves nothing at Ably but a few probes on the canary's channel.
"""

import asyncio
import contextlib
import json
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import jwt

from notificacao import keys
from notificacao.ably_check.visitors import Visitor
from notificacao.audiences import PROBE_CHANNEL
from notificacao.conf import conf
from notificacao.transports import CredentialsRejected, Listening, TransportError
from notificacao.transports.ably import AblyTransport, inspection
from notificacao.transports.ably.client import Client

_CLOCK_MAY_BE_OFF = 1.0  # seconds; the times in a JWT are whole seconds
_REVOKED_WITHIN = 10.0  # seconds
_LOOK_AGAIN = 0.2  # seconds
_UNSEEN = "não verificado: antes é preciso que a chave responda"

_FIX_ADDRESS = (
    "Confira ABLY_ENDPOINT (vazio: a nuvem do Ably), ABLY_PORT e ABLY_TLS, e se a rede deixa este servidor sair até lá."
)
_FIX_CERTIFICATE = (
    "O certificado que apareceu não vem de uma autoridade em que este servidor confia. Confira ABLY_ENDPOINT e "
    "ABLY_PORT; se a rede troca certificados, aponte SSL_CERT_FILE para o arquivo com a autoridade dela."
)
_FIX_KEY = (
    "Copie a chave inteira (appId.keyId:segredo) de “API Keys”, no painel do Ably, para ABLY_API_KEY. Com o relógio "
    "errado, acerte-o antes."
)
_FIX_ALLOW = "No painel do Ably, dê à chave a permissão “{}” em todos os canais (*)."
_DO_NOT_USE = "Não use o Ably até entender por quê: o token de uma pessoa só deve ouvir, e só o que é dela."
_FIX_REVOCABLE = (
    "No painel do Ably, ligue “Revocable tokens” na chave. Se não for possível: ABLY_KEY_REVOCABLE=false e "
    "ABLY_TOKEN_TTL curto, pois um token retirado vale até vencer."
)


@dataclass(frozen=True)
class Finding:
    """Hold the result of one check, in pt-BR: `said` is what was found, `to_do` what the reader should do about it.

    `ok` is None where the check could not be made.
    """

    name: str
    ok: bool | None
    said: str
    to_do: str = ""


class Wrong(Exception):
    """Report that a check failed: `said` is what was found, `to_do` what the reader should do, both in pt-BR."""

    def __init__(self, said: str, to_do: str):
        super().__init__(said)
        self.said = said
        self.to_do = to_do


class AblyCheck:
    """Run all checks once, on one loop, with a token of each visitor; `probes` is how many round trips are measured."""

    def __init__(self, visitors: list[Visitor], probes: int):
        self._visitors = visitors
        self._probes = probes
        self._transport = AblyTransport()
        self._client = Client()
        self._key = keys.channel_key(PROBE_CHANNEL, 1)

    async def findings(self) -> AsyncIterator[Finding]:
        """Make the checks one after the other, and yield each finding as soon as it is known.

        Without a key that Ably accepts the checks after the second are not made, and their `ok` is None.
        """
        try:
            yield await self._find("Relógio", self._clock)
            key = await self._find("Chave", self._may_come_in)
            yield key
            for name, look in self._what_a_key_can():
                yield await self._find(name, look) if key.ok else Finding(name, None, _UNSEEN)
        finally:
            await self._client.close()
            await self._transport.close()

    def _what_a_key_can(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        return [
            ("Publicar e receber", self._publish_and_receive),
            ("Criptografia", self._encryption),
            *((f"Token de {visitor.role}", self._token_of(visitor)) for visitor in self._visitors),
            ("Revogação", self._revocation),
            ("Ida e volta", self._round_trips),
        ]

    async def _find(self, name: str, look: Callable[[], Awaitable[str]]) -> Finding:
        try:
            return Finding(name, True, await look())
        except Wrong as wrong:
            return Finding(name, False, wrong.said, wrong.to_do)
        except TransportError as error:
            to_do = _FIX_CERTIFICATE if "CERTIFICATE_VERIFY_FAILED" in str(error) else _FIX_ADDRESS
            return Finding(name, False, _tell(error), to_do)

    async def _clock(self) -> str:
        began = time.time()
        theirs = await inspection.server_time(self._client)
        took = time.time() - began
        ahead = began + took / 2 - theirs
        if abs(ahead) > _CLOCK_MAY_BE_OFF + took / 2:
            raise Wrong(
                f"este servidor está {abs(ahead):.1f} s {'adiantado' if ahead > 0 else 'atrasado'}",
                "Acerte-o por NTP: o Ably recusa o que é revogado no futuro, e um token atrasado vale menos tempo.",
            )
        return f"diferença de {abs(ahead):.2f} s"

    async def _may_come_in(self) -> str:
        try:
            await self._transport.probe()
        except CredentialsRejected as error:
            raise Wrong(f"{conf.ably_key_name} foi recusada: {_tell(error)}", _FIX_KEY) from error
        return f"{conf.ably_key_name} aceita"

    async def _publish_and_receive(self) -> str:
        async with self._listening() as listening:
            await self._send_and_hear({"probe": True}, listening)
        return f"em {PROBE_CHANNEL}"

    async def _encryption(self) -> str:
        secret = uuid.uuid4().hex
        async with self._listening() as listening:
            message_id, data = await self._send_and_hear({"secret": secret}, listening)
        if data != {"secret": secret}:
            raise Wrong(
                "o que voltou não traz a nossa assinatura",
                "Não use: nenhum navegador aceitaria as mensagens. O Ably as mudou, ou tirou extras.headers; avise-o.",
            )
        kept = await self._kept_by_ably(message_id)
        if secret in json.dumps(kept) or "cipher+aes-256" not in (kept.get("encoding") or ""):
            raise Wrong("o Ably guarda o conteúdo em claro", "Não use: confira ABLY_PAYLOAD e a versão do pacote ably.")
        return f"a assinatura confere, volta decifrado; o Ably guarda {kept['encoding']}"

    async def _kept_by_ably(self, message_id: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(conf.ABLY_PUBLISH_TIMEOUT):
                while True:
                    for message in await inspection.held(self._client, PROBE_CHANNEL):
                        if message["id"] == message_id:
                            return message
                    await asyncio.sleep(_LOOK_AGAIN)
        except TransportError as error:
            if error.permanent:
                raise Wrong(f"a chave não lê o histórico: {_tell(error)}", _FIX_ALLOW.format("history")) from error
            raise
        except TimeoutError as error:
            raise Wrong("a mensagem não está no histórico do Ably", _FIX_ALLOW.format("history")) from error

    def _token_of(self, visitor: Visitor) -> Callable[[], Awaitable[str]]:
        async def look() -> str:
            if not visitor.token:
                return "não há: tem mais canais do que cabem em um token, e recebe por SSE"
            codes = await inspection.attach(visitor.token, visitor.channels)
            refused_publish = await inspection.publish(visitor.token, visitor.own)
            for channel, may in visitor.channels.items():
                if codes[channel] != (inspection.TAKEN if may else inspection.REFUSED):
                    said = f"{'não ouve' if may else 'ouve'} {channel} (código {codes[channel]})"
                    raise Wrong(said, _FIX_ALLOW.format("subscribe") if may else _DO_NOT_USE)
            if refused_publish != inspection.REFUSED:
                raise Wrong(f"publica (código {refused_publish})", _DO_NOT_USE)
            own = sum(visitor.channels.values())
            return f"ouve os seus {own} canais; os alheios e publicar, recusados ({inspection.REFUSED})"

        return look

    async def _revocation(self) -> str:
        if not conf.ABLY_KEY_REVOCABLE:
            return f"desligada (ABLY_KEY_REVOCABLE=false): um token retirado vale até vencer, {conf.ABLY_TOKEN_TTL} s"
        client_id = f"check-{uuid.uuid4().hex}"
        async with inspection.connected(_token_for(client_id), PROBE_CHANNEL) as wants_another:
            began = time.monotonic()
            try:
                await self._transport.revoke([f"clientId:{client_id}"], int(time.time() * 1_000))
                async with asyncio.timeout(_REVOKED_WITHIN):
                    await wants_another.wait()
            except TimeoutError as error:
                raise Wrong(f"o token vale ainda, {_REVOKED_WITHIN:g} s depois de revogado", _FIX_REVOCABLE) from error
            except TransportError as error:
                raise Wrong(f"o Ably não revoga: {_tell(error)}", _FIX_REVOCABLE) from error
        return f"token recusado {1_000 * (time.monotonic() - began):.0f} ms depois"

    async def _round_trips(self) -> str:
        took = []
        async with self._listening() as listening:
            for number in range(self._probes):
                began = time.monotonic()
                await self._send_and_hear({"probe": number}, listening)
                took.append(time.monotonic() - began)
        median, longest = 1_000 * statistics.median(took), 1_000 * max(took)
        said = f"mediana de {len(took)}: {median:.1f} ms; a mais longa: {longest:.1f} ms"
        if median >= 1_000 * conf.ABLY_SLOW_AFTER:
            raise Wrong(
                f"{said}; lento a partir de {1_000 * conf.ABLY_SLOW_AFTER:.0f} ms",
                "Confira a rede até o Ably: com esta demora o disjuntor fica aberto, e todos recebem por SSE.",
            )
        return said

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[Listening]:
        """Subscribe to the canary's channel during the block. Raises Wrong where that does not succeed."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                listening = await stack.enter_async_context(self._transport.subscribe(PROBE_CHANNEL, key=self._key))
            except TransportError as error:
                to_do = _FIX_ALLOW.format("subscribe") if error.permanent else f"{_FIX_ADDRESS} É por WebSocket."
                raise Wrong(f"não é possível ouvir: {_tell(error)}", to_do) from error
            yield listening

    async def _send_and_hear(self, data: dict[str, Any], listening: Listening) -> tuple[str, Any]:
        """Publish `data`, and return the `(message id, data)` that came back. Raises Wrong where it did not."""
        try:
            message_id = await self._transport.announce(PROBE_CHANNEL, data, key=self._key)
            async with asyncio.timeout(conf.ABLY_PUBLISH_TIMEOUT):
                while (arrived := await listening.next())[0] != message_id:
                    pass
        except TransportError as error:
            to_do = _FIX_ALLOW.format("publish") if error.permanent else _FIX_ADDRESS
            raise Wrong(f"não é possível publicar: {_tell(error)}", to_do) from error
        except TimeoutError as error:
            said = f"publicada, a mensagem não chegou em {conf.ABLY_PUBLISH_TIMEOUT:g} s"
            raise Wrong(said, _FIX_ALLOW.format("subscribe")) from error
        return arrived


def _token_for(client_id: str) -> str:
    """Return a token for a client id that belongs to no person, valid for a minute from a second ago.

    A revocation covers only the tokens that were issued before it, and a JWT's times are whole seconds.
    """
    now = int(time.time()) - 1
    claims = {
        "iat": now,
        "exp": now + 60,
        "x-ably-capability": json.dumps({PROBE_CHANNEL: ["subscribe"]}),
        "x-ably-clientId": client_id,
    }
    return jwt.encode(claims, conf.ably_key_secret, algorithm="HS256", headers={"kid": conf.ably_key_name})


def _tell(error: TransportError) -> str:
    """Return what went wrong, for staff, with the technical text in quotation marks."""
    return f"{error.told} (“{error}”)"
