"""Send requests to Ably's REST API, authorised by a token that this server signs for itself."""

import asyncio
import base64
import importlib.util
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import jwt
from ably import AblyException, AblyRest

from notificacao.conf import conf
from notificacao.transports import TransportError

if importlib.util.find_spec("sniffio") is None:
    # The SDK's HTTP library imports it at each of its locks: looked for in all folders, it took a tenth of a request.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

_OWN_TOKEN_TTL = 3600  # seconds
_API_VERSION = "5"
_TOKEN_ERRORS = range(40140, 40150)  # the token is not accepted: another is signed, and the request sent again


@dataclass(frozen=True)
class Answer:
    """Hold Ably's answer to one request; `code` and `message` are those of Ably's error, 0 and empty for success.

    `retry_after` is how many seconds Ably asks to wait, or None; `items` is the body.
    """

    status: int
    code: int = 0
    message: str = ""
    retry_after: float | None = None
    items: list[Any] = field(default_factory=list)


class Client:
    """Wrap the SDK's REST client, one for each running loop; the SDK keeps its connections.

    The SDK refuses a key over plain http, so the client signs a JWT with it.
    """

    def __init__(self, auth_callback: Callable[[Any], Awaitable[str]] | None = None) -> None:
        self._rest = AblyRest(
            auth_callback=auth_callback or sign_own_token,
            use_binary_protocol=False,
            http_open_timeout=conf.ABLY_PUBLISH_TIMEOUT / 2,  # leaves time for another of the cloud's hosts
            http_request_timeout=conf.ABLY_PUBLISH_TIMEOUT,
            **address(),
        )

    async def ask(self, method: str, path: str, body: str | None = None, *, by_key: bool = False) -> Answer:
        """Send one request, and a second with a new token where Ably no longer accepts ours; return Ably's answer.

        With `by_key` the key itself authorises the request, for what a token may not do. Raises TransportError where no
        answer of Ably's came within ABLY_PUBLISH_TIMEOUT seconds.
        """
        headers = (
            {"Authorization": f"Basic {base64.b64encode(conf.ABLY_API_KEY.encode()).decode()}"} if by_key else None
        )
        try:
            async with asyncio.timeout(conf.ABLY_PUBLISH_TIMEOUT):
                answer = await self._ask_once(method, path, body, headers)
                if answer.code in _TOKEN_ERRORS:
                    await self._rest.auth.authorize()
                    answer = await self._ask_once(method, path, body, headers)
                return answer
        except TimeoutError as error:
            seconds = f"{conf.ABLY_PUBLISH_TIMEOUT} s"
            raise TransportError(
                f"no answer within {seconds}", f"o Ably não respondeu em {seconds}", permanent=False
            ) from error
        except AblyException as error:
            raise TransportError(
                f"{error.code}: {error.message}", f"o Ably falhou (código {error.code})", permanent=False
            ) from error
        except Exception as error:  # httpx's own, and whatever the SDK makes of a body that is not Ably's
            kind = kind_of(error)
            if _is_of_the_connection(error):
                text, told = "unreachable", f"o Ably está fora de alcance ({kind})"
            else:
                text, told = "not an answer of Ably's", f"o que respondeu não foi o Ably ({kind})"
            raise TransportError(f"{text}: {type(error).__name__} {error}", told, permanent=False) from error

    async def _ask_once(self, method: str, path: str, body: str | None, headers: dict[str, str] | None) -> Answer:
        response = await self._rest.request(method, path, _API_VERSION, body=body, headers=headers)
        if response.success:
            return Answer(response.status_code, items=response.items)
        error = response.items[0].get("error") if response.items and isinstance(response.items[0], dict) else None
        code, message = read_error(error)
        retry_after = _retry_after({name.lower(): value for name, value in response.headers})
        return Answer(response.status_code, code or 100 * response.status_code, message, retry_after)

    async def close(self) -> None:
        """Close the connections that the SDK keeps."""
        await self._rest.close()


def address() -> dict[str, Any]:
    """Return the SDK's options for where Ably is: none where ABLY_ENDPOINT is empty, which means Ably's cloud."""
    if not conf.ABLY_ENDPOINT:
        return {}
    port = {"tls_port": conf.ABLY_PORT} if conf.ABLY_TLS else {"port": conf.ABLY_PORT}
    return {"endpoint": conf.ABLY_ENDPOINT, "tls": conf.ABLY_TLS, **port}


async def sign_own_token(_params) -> str:
    """Return a JWT with all of our key's capabilities, for this server alone, valid for an hour.

    The claims are those of Ably's documentation of JWTs.
    """
    now = int(time.time())
    claims = {"iat": now, "exp": now + _OWN_TOKEN_TTL, "x-ably-capability": '{"*":["*"]}'}
    return jwt.encode(claims, conf.ably_key_secret, algorithm="HS256", headers={"kid": conf.ably_key_name})


def read_error(error: Any) -> tuple[int, str]:
    """Return the `(code, message)` of an error in Ably's JSON; `(0, "")` where `error` is not of Ably's shape."""
    if not isinstance(error, dict):
        return 0, ""
    code = error.get("code")
    return code if isinstance(code, int) else 0, str(error.get("message", ""))


def _is_of_the_connection(error: Exception) -> bool:
    """Tell whether `error` came while a request was on its way, not from the body of an answer.

    Where a connection ends as it is made, anyio looks at a socket that uvloop no longer has, by an AttributeError.
    """
    raised_in = (frame.f_globals["__name__"].partition(".")[0] for frame, _ in traceback.walk_tb(error.__traceback__))
    return isinstance(error, httpx.HTTPError) or "httpcore" in raised_in


def kind_of(error: Exception) -> str:
    """Return the name of the error's class, and SSL where that failed: staff are told this of an English error."""
    name = type(error).__name__
    return f"{name}, SSL" if "SSL" in str(error) else name


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, given in seconds or as a date (RFC 9110); None without one."""
    given = headers.get("retry-after", "")
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except ValueError:
        return None
