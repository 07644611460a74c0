"""Go through what a site is for, one step after the other, and say of each what was found, in pt-BR."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from notificacao.ably_check.checks import Finding, Wrong
from notificacao.smoke.visitor import Access, Visitor
from notificacao.transports import TransportError
from notificacao.transports.ably.visiting import hearing

_EXPIRES_AFTER = timedelta(minutes=10)  # what a smoke that was killed leaves is gone by itself
_TO_DO = {
    "not_in_rollout": "Use uma pessoa que esteja no Ably; com a chave de transição em 0, rode com --sse-only.",
    "too_many_channels": "Use uma pessoa com menos canais: os desta não cabem em um token.",
    "cannot_verify": "Confira a versão do site: a sessão não entendeu ed25519=true.",
    "ably_out_of_use": "Rode manage.py ably_check no servidor e veja /health/ably: todos estão por SSE.",
}
_ADDRESS = "Confira o endereço, o proxy e se os processos estão no ar (manage.py serve)."
_CERTIFICATE = (
    "Confira o nome, a validade e a cadeia do certificado. Um autoassinado se aceita com "
    "SSL_CERT_FILE=/etc/ssl/notificacoes.pem no ambiente."
)
_DISPATCHER = "Veja se um despachante está no comando (manage.py dispatch; nobody_leads em /health/ready) e o registro."
_ABLY = "Rode manage.py ably_check no servidor, e confira se a rede deixa este computador sair até o Ably."


class Smoke:
    """Make one visit. Every wait ends after `patience` seconds; without `on_ably` the Ably is left out."""

    def __init__(self, access: Access, *, patience: float, on_ably: bool):
        self._access = access
        self._patience = patience
        self._on_ably = on_ably
        self._visitor = Visitor(access)
        self._session: dict[str, Any] = {}
        self._token = ""
        self._sent: list[str] = []
        self._sent_at = 0.0
        self._stop = contextlib.AsyncExitStack()

    async def findings(self) -> AsyncIterator[Finding]:
        """Yield each finding as soon as it is known. What builds on a step that failed is not tried."""
        well = True
        try:
            for name, step in self._steps():
                found = await self._find(name, step) if well else Finding(name, None, "não verificado")
                well = well and found.ok is not False
                yield found
            yield await self._find("Sondas", self._probes)
        finally:
            cleaned = await self._find("Limpeza", self._clean_up)
            await self._stop.aclose()
            await self._visitor.close()
        yield cleaned

    def _steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        ably = [("Token do Ably", self._ask_for_token)] if self._on_ably else []
        by_ably = [("Receber por Ably", self._receive_by_ably)] if self._on_ably else []
        return [
            ("Saúde", self._health),
            ("Entrada", self._log_in),
            ("Sessão", self._ask_for_session),
            *ably,
            ("Publicar", self._publish),
            ("Receber por SSE", self._receive_by_stream),
            *by_ably,
            ("Consulta", self._look_up),
        ]

    async def _find(self, name: str, step: Callable[[], Awaitable[str]]) -> Finding:
        try:
            async with asyncio.timeout(2 * self._patience):
                return Finding(name, True, await step())
        except Wrong as wrong:
            return Finding(name, False, wrong.said, wrong.to_do)
        except TransportError as error:
            return Finding(name, False, error.told, _ABLY)
        except httpx.HTTPStatusError as error:
            return Finding(name, False, _answered(error.response), "Veja os registros do site nesta hora.")
        except (httpx.HTTPError, TimeoutError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return Finding(name, False, "o certificado do site não foi aceito", _CERTIFICATE)
            return Finding(name, False, f"o site não respondeu ({type(error).__name__})", _ADDRESS)

    async def _health(self) -> str:
        (await self._visitor.get("health/live")).raise_for_status()
        ready = await self._visitor.get("health/ready")
        body = _json(ready)
        if not ready.is_success:
            failing = ", ".join(body.get("failing", [])) or _answered(ready)
            raise Wrong(
                f"não está pronto: {failing}", "migrations: rode manage.py migrate. O resto: veja os registros."
            )
        if body.get("nobody_leads"):
            raise Wrong("nenhum despachante está no comando", _DISPATCHER)
        return f"pronto, versão {body.get('version', 'desconhecida')}"

    async def _log_in(self) -> str:
        answer = await self._visitor.log_in()
        if answer.status_code == httpx.codes.OK:
            raise Wrong("nome ou senha recusados", "Confira SMOKE_USER e SMOKE_PASSWORD, e se a conta está ativa.")
        if answer.status_code != httpx.codes.FOUND:
            to_do = "403: confira CSRF_TRUSTED_ORIGINS e o Host que o proxy passa. 429 ou 503: espere Retry-After."
            raise Wrong(_answered(answer), to_do)
        return f"como {self._access.username}"

    async def _ask_for_session(self) -> str:
        answer = await self._visitor.get("api/v1/session/", ed25519="true")
        answer.raise_for_status()
        self._session = answer.json()
        return f"{len(self._session['channels'])} canais, por {self._session['transport'].upper()}"

    async def _ask_for_token(self) -> str:
        if self._session["transport"] != "ably":
            raise Wrong(
                f"a pessoa recebe por SSE ({self._session['reason']})", _TO_DO.get(self._session["reason"], _ABLY)
            )
        answer = await self._visitor.post("api/v1/ably/token/")
        answer.raise_for_status()
        self._token = answer.json()["token"]
        return f"para {len(answer.json()['capability'])} canais"

    async def _publish(self) -> str:
        self._events = await self._stop.enter_async_context(self._visitor.stream(self._session["position"]))
        if self._on_ably:
            listening = hearing(self._session, self._token, self._own_channel(), self._patience)
            self._heard = await self._stop.enter_async_context(listening)
        answer = await self._visitor.send(_notification(self._access.username))
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Wrong("a chave de produtor foi recusada", "Confira SMOKE_KEY em «Chaves de produtores»: expirou?")
        if answer.status_code == httpx.codes.BAD_REQUEST:
            said = "; ".join(one["detail"] for one in _json(answer).get("errors", [])) or _answered(answer)
            raise Wrong(said, "O sistema produtor precisa do tipo «Sistema» e de «a pessoas» no seu escopo.")
        answer.raise_for_status()
        self._sent_at = time.monotonic()
        self._sent = answer.json()["results"][0]["ids"]
        return "aceita, com a chave de produtor"

    def _own_channel(self) -> str:
        own = f"user:{self._session['person']}"
        return next(one["name"] for one in self._session["channels"] if own in one["name"])

    async def _receive_by_stream(self) -> str:
        try:
            async with asyncio.timeout(self._patience):
                async for name, data in self._events:
                    if name == "notification" and data["id"] in self._sent:
                        return self._after()
        except TimeoutError as error:
            raise Wrong(f"aceita, não chegou em {self._patience:g} s", _DISPATCHER) from error
        raise Wrong("o fluxo terminou antes", f"{_ADDRESS} O proxy não pode guardar nem limitar o fluxo.")

    async def _receive_by_ably(self) -> str:
        try:
            async with asyncio.timeout(self._patience):
                while (await self._heard.next())["id"] not in self._sent:
                    pass
        except TimeoutError as error:
            raise Wrong(f"chegou por SSE, e não pelo Ably em {self._patience:g} s", _ABLY) from error
        return f"{self._after()}, assinada e cifrada"

    def _after(self) -> str:
        return f"{1_000 * (time.monotonic() - self._sent_at):.0f} ms depois"

    async def _look_up(self) -> str:
        answer = await self._visitor.get("api/v1/notifications/", after=self._session["position"])
        answer.raise_for_status()
        if not {row["id"] for row in answer.json()["results"]} & set(self._sent):
            raise Wrong("a notificação não está na consulta", "Veja se os processos usam o mesmo banco de dados.")
        return "está no registro"

    async def _probes(self) -> str:
        answer = await self._visitor.get("health/ably")
        body = _json(answer)
        if body.get("status") == "not_configured":
            return "o Ably não está configurado: todos por SSE"
        if not answer.is_success:
            raise Wrong(f"a sonda do Ably falha; disjuntor: {body.get('breaker', 'desconhecido')}", _ABLY)
        return f"a do Ably voltou em {body['round_trip_ms']} ms"

    async def _clean_up(self) -> str:
        """Take what was sent out of the person's inbox, and end the login."""
        if not self._session:
            return "nada a retirar"
        for one in self._sent:
            for act in ("acknowledge", "read", "archive"):
                (await self._visitor.post(f"api/v1/notifications/{one}/{act}/")).raise_for_status()
        await self._visitor.log_out()
        if (await self._visitor.get("api/v1/session/")).status_code != httpx.codes.UNAUTHORIZED:
            raise Wrong("a sessão continua aberta depois de sair", "Encerre-a: manage.py end_logins.")
        return f"{len(self._sent)} notificação arquivada, sessão encerrada"


def _notification(username: str) -> dict[str, Any]:
    """Return what is sent: of a priority that the control of cost never moves off Ably, and gone by itself."""
    return {
        "recipients": {"people": [username]},
        "kind": "sistema",
        "priority": "alta",
        "title": "Verificação do sistema",
        "message": "Enviada por manage.py smoke para conferir que as notificações chegam. Não é preciso fazer nada.",
        "expires_at": (datetime.now(UTC) + _EXPIRES_AFTER).isoformat(),
    }


def _json(answer: httpx.Response) -> dict[str, Any]:
    """Return the object that was answered; an empty one where it is none, such as a proxy's own page."""
    with contextlib.suppress(ValueError):
        body = answer.json()
        return body if isinstance(body, dict) else {}
    return {}


def _answered(answer: httpx.Response) -> str:
    detail = _json(answer).get("detail", "")
    return f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {detail}".rstrip()
