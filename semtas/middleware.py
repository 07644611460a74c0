"""Define the project's own middleware, which every request goes through.

Each is `sync_only`: under ASGI each middleware that could run either way is taken to a thread by itself, twice a
request.
"""

import contextlib
import re
from collections.abc import Callable, Iterator

import structlog
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_only_middleware
from django_structlog.middlewares import RequestMiddleware

from notificacao import audit, login
from notificacao.database import is_busy
from notificacao.login_word import session_key_in
from notificacao.pages import busy
from notificacao.passwords import Busy

_NOT_NEEDED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")


_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_NOBODY_ASKED = ("/health/", "/metrics")  # what answers without the database must not read a session first


class RequestLog(RequestMiddleware):
    """Log each request without its query string, since a search may be for a person's name.

    A health check is nobody's, whatever its cookies; so is a request whose person cannot be read now.
    """

    def prepare(self, request: HttpRequest) -> None:
        """Begin the request's log, without ids that could be anything: they come from outside."""
        for name in ("HTTP_X_REQUEST_ID", "HTTP_X_CORRELATION_ID"):
            if not _REQUEST_ID.fullmatch(request.META.get(name, "")):
                request.META.pop(name, None)
        request.__dict__.pop("headers", None)  # Django keeps what it read of META
        super().prepare(request)

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Bind the address that the audit trail has, too."""
        structlog.contextvars.bind_contextvars(ip=audit.address_of(request))

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Bind the id of the person who asks, unless that is a health check or the database does not answer."""
        if not request.path.startswith(_NOBODY_ASKED):
            with contextlib.suppress(DatabaseError, InterfaceError):
                RequestMiddleware.bind_user_id(request)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Return the request's method and path."""
        return f"{request.method} {request.path}"


class Sessions(SessionMiddleware):
    """Save what a view changed in its session, or answer that the database is busy."""

    async_capable = False

    def process_request(self, request: HttpRequest) -> None:
        """Give the request its session; a cookie that can be no session's key counts as none."""
        request.session = self.SessionStore(session_key_in(request.COOKIES) or None)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Return `response` with the session's cookie, or 503 where the session could not be saved in time."""
        try:
            return super().process_response(request, response)
        except (OperationalError, SessionInterrupted) as error:
            if not any(map(is_busy, _causes(error))):
                raise
            return busy.answer(request)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield `error` and what it came of: Django takes any fault of saving for a session that was deleted."""
    while error is not None:
        yield error
        error = error.__context__


class AnswerBusy:
    """Answer 503 where a view could not have the database or a password's turn in time.

    Its transaction left nothing behind.
    """

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the answer to `error`; None where it is another one."""
        if isinstance(error, Busy):
            return login.ask_to_wait(request, error.seconds)
        if not is_busy(error):
            return None
        request.session.modified = False  # to save it would wait once more
        return busy.answer(request)


@sync_only_middleware
def permissions_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Deny pages, and all that they might embed, the devices that no page needs, by the header Permissions-Policy."""
    policy = ", ".join(f"{feature}=()" for feature in _NOT_NEEDED)

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Permissions-Policy"] = policy
        return response

    return answer


@sync_only_middleware
def in_one_thread(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return `get_response` as it is.

    As the last middleware it is synchronous, so all synchronous ones before it run in one go, on the view's thread.
    """
    return get_response
