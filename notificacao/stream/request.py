"""Read what a request for a stream asks from the ASGI scope, check it, and build the rejections that it may get."""

import functools
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError
from urllib.parse import parse_qsl

from django.http import parse_cookie

from notificacao import audit, texts
from notificacao.conf import conf
from notificacao.eventlog import Cursor, InvalidCursor
from notificacao.login_word import HEADER, is_of_login, session_key_in
from notificacao.stream.browsers import UNKNOWN, name_of
from notificacao.stream.subscribers import Lane

_LOGIN = HEADER.lower().encode()
_BROWSER = re.compile(r"[A-Za-z0-9_-]{22}")
_REMEMBERED_MAX = 300  # characters of a host or a browser's header that is kept for those who say the same


def security_headers() -> list[tuple[bytes, bytes]]:
    """Return the headers that Django's middlewares give to everything else; none of them sees a stream."""
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", conf.X_FRAME_OPTIONS.encode()),
        (b"referrer-policy", conf.SECURE_REFERRER_POLICY.encode()),
        (b"cross-origin-opener-policy", conf.SECURE_CROSS_ORIGIN_OPENER_POLICY.encode()),
    ]
    if conf.SECURE_HSTS_SECONDS:
        more = [
            f"max-age={conf.SECURE_HSTS_SECONDS}",
            *(["includeSubDomains"] if conf.SECURE_HSTS_INCLUDE_SUBDOMAINS else []),
            *(["preload"] if conf.SECURE_HSTS_PRELOAD else []),
        ]
        headers.append((b"strict-transport-security", "; ".join(more).encode()))
    return headers


@dataclass(frozen=True)
class Rejection:
    """Hold an answer given instead of a stream, as RFC 9457 problem details."""

    status: int
    code: str
    title: str
    detail: str
    retry_after: int | None = None

    def body(self) -> bytes:
        """Return the problem details as JSON."""
        problem = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        return json.dumps(problem, ensure_ascii=False).encode()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the ASGI headers that go with the body."""
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(self.body())).encode()),
            (b"cache-control", b"no-store"),
            *security_headers(),
        ]
        if self.status == 405:
            headers.append((b"allow", b"GET"))
        if self.retry_after is not None:
            headers.append((b"retry-after", str(self.retry_after).encode()))
        return headers


class StreamRejected(Exception):
    """Carry a rejection, and whose request it was where that is known.

    Each request gets an exception of its own: one that is raised again and again keeps the frames of all its raises.
    """

    def __init__(self, rejection: Rejection, person_pk: int | None = None):
        super().__init__(rejection.detail)
        self.rejection = rejection
        self.person_pk = person_pk


NOT_LOGGED_IN = Rejection(401, "not_authenticated", "Não autenticado", "Entre em /entrar/ para receber notificações.")
FORBIDDEN_LANE = Rejection(
    403, "forbidden", "Via não permitida", "A via standby é de quem está no Ably: consulte a sessão e abra a via live."
)
UNKNOWN_HOST = Rejection(400, "invalid_host", "Endereço desconhecido", "Este endereço não está em ALLOWED_HOSTS.")
NOT_READY = Rejection(503, "not_ready", "Indisponível", "O fluxo ainda não está pronto: tente de novo.", retry_after=1)


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """Hold what a request asks.

    `cursor` is None where the stream is to begin now; `address` is empty where the connection has none. A page
    that `can_verify` no signatures is never told to go to Ably. `browser` is the page's id, `browser_name` what the
    person would call the browser.
    """

    session_key: str
    lane: Lane
    cursor: Cursor | None
    browser: str
    address: str = ""
    can_verify: bool = True
    browser_name: str = UNKNOWN

    @classmethod
    def of(cls, scope: Mapping) -> "StreamRequest":
        """Read the request of an ASGI `scope`. Raises StreamRejected."""
        if scope["method"] != "GET":
            raise StreamRejected(Rejection(405, "method_not_allowed", "Método não permitido", "Use GET."))
        if not _is_ours(_host(scope)):
            raise StreamRejected(UNKNOWN_HOST)
        query = _query(scope["query_string"].decode("latin-1"))
        headers = dict(scope["headers"])
        session_key = _session_key(headers.get(b"cookie", b"").decode("latin-1"))
        if not is_of_login(headers.get(_LOGIN, b"").decode("latin-1"), session_key):
            raise StreamRejected(NOT_LOGGED_IN)
        return cls(
            session_key=session_key,
            lane=_lane(query.get("lane", Lane.LIVE)),
            cursor=_cursor(headers.get(b"last-event-id", b"").decode("latin-1") or query.get("cursor")),
            browser=_browser(query.get("browser", "")),
            address=sys.intern(audit.address_in(scope) or ""),  # one string object for a thousand streams
            can_verify=query.get("ed25519") != "false",
            browser_name=_browser_name(headers.get(b"user-agent", b"").decode("latin-1")),
        )


def _host(scope: Mapping) -> str:
    """Return the host that was asked for, as Django does: the header, or else the server's own address.

    Of two headers Django makes one text, which is no host.
    """
    told = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return ",".join(told) if told else str((scope.get("server") or ("",))[0])


def _is_ours(host: str) -> bool:
    """Tell whether `host` is this site's. Nearly all pages ask for the same."""
    hosts = tuple(texts.our_hosts())
    return _is_one_of(host, hosts) if len(host) <= _REMEMBERED_MAX else texts.is_our_host(host)


@functools.lru_cache(maxsize=100)
def _is_one_of(host: str, hosts: tuple[str, ...]) -> bool:
    """Tell whether `host` is this site's while these are its `hosts`."""
    return texts.is_our_host(host)


def _query(text: str) -> dict[str, str]:
    """Return the parameters as `parse_qsl` reads them, which takes long over what has nothing to decode."""
    if "%" in text or "+" in text:
        return dict(parse_qsl(text))
    pairs = (piece.partition("=") for piece in text.split("&"))
    return {name: value for name, _, value in pairs if value}


def _browser_name(user_agent: str) -> str:
    """Return what staff call the browser of that header; those that are alike have one string object."""
    return _known_name(user_agent) if len(user_agent) <= _REMEMBERED_MAX else _known_name.__wrapped__(user_agent)


@functools.lru_cache(maxsize=1_000)
def _known_name(user_agent: str) -> str:
    return sys.intern(name_of(user_agent))


def _session_key(cookie: str) -> str:
    try:
        return session_key_in(parse_cookie(cookie))
    except CookieError:
        return ""


def _lane(name: str) -> Lane:
    try:
        return Lane(name)
    except ValueError:
        raise StreamRejected(Rejection(400, "invalid_lane", "Via inválida", "Use lane=live ou lane=standby.")) from None


def _cursor(text: str | None) -> Cursor | None:
    try:
        return Cursor.parse(text) if text else None
    except InvalidCursor as error:
        raise StreamRejected(Rejection(400, "invalid_cursor", "Cursor inválido", str(error))) from None


def _browser(text: str) -> str:
    if text and not _BROWSER.fullmatch(text):
        detail = "browser tem 22 caracteres de A-Z a-z 0-9 _ -."
        raise StreamRejected(Rejection(400, "invalid_browser", "Navegador inválido", detail))
    return text
