"""Define the project's own middleware, which every request goes through.

Each is `sync_only`: under ASGI each middleware that could run either way is taken to a thread by itself, twice a
request.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import structlog
from django.conf import settings
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, DataError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_only_middleware
from django.views.defaults import bad_request
from django_structlog.middlewares import RequestMiddleware

from notificacao import audit
from notificacao.database import is_away, is_busy
from notificacao.hashing import TooManyLogins
from notificacao.login_word import session_key_in
from notificacao.pages import busy

_NOT_NEEDED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")
_NOBODYS = {"/health/live", "/health/ready", "/health/ably", "/metrics"}  # what must answer without the database
_READS = {"GET", "HEAD", "OPTIONS"}
_NO_VALUE = re.compile(r"^Field '\w+' expected a number but got|cannot contain NUL")
_PATTERNS = {"regex", "iregex"}  # Django's words for them in a filter
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class RequestLog(RequestMiddleware):
    """Log each request without its query string, since a search may be for a person's name.

    It is the first to read the session, so it too answers that no connection is to be had, and asks once more where one
    was cut. A health check is nobody's, whatever its cookies.
    """

    sync_capable, async_capable = True, False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the view's answer, or 503 where it could not be read in time who asks."""
        try:
            return super().__call__(request)  # type: ignore[return-value]
        except (DatabaseError, InterfaceError) as error:
            if _may_ask_again(request, error):
                return self(request)
            if not _is_wanting(error):
                raise
            return busy.answer(request, error)

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
        """Name the person in the log, but for a health check."""
        if request.path_info not in _NOBODYS:
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
        except (DatabaseError, InterfaceError, SessionInterrupted) as error:
            wanting = next(filter(_is_wanting, _causes(error)), None)
            if wanting is None:
                raise
            return busy.answer(request, wanting)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield `error` and what it came of: Django takes any fault of saving for a session that was deleted."""
    while error is not None:
        yield error
        error = error.__context__


def _is_wanting(error: BaseException) -> bool:
    """Tell whether the database was not to be had, or was lost."""
    return is_busy(error) or is_away(error)


def _may_ask_again(request: HttpRequest, error: BaseException) -> bool:
    """Tell whether `request` only reads, and lost its connection for the first time; the next one is a fresh one."""
    if not is_away(error) or is_busy(error):
        return False
    connection.close()
    again = request.method in _READS and not getattr(request, "asked_again", False)
    request.asked_again = True  # type: ignore[attr-defined]
    return again


class AnswerBusy:
    """Answer 503 where a view had the database, or a turn to hash a password, not in time; it left nothing behind.

    A view that only reads is called once more where its connection was cut: a restart of PostgreSQL, or an
    administrator, may have cut all that there are, and the next one is checked before it is used.
    """

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the answer to `error`; None where it is another one."""
        if _may_ask_again(request, error) and (match := request.resolver_match):
            try:
                return match.func(request, *match.args, **match.kwargs)
            except Exception as later:
                error = later
        return busy.answer(request, error) if _is_wanting(error) or isinstance(error, TooManyLogins) else None


class RefuseWhatNoColumnHolds:
    """Answer 400 where the admin is asked for NUL, or for a number or moment for which the database has no place.

    Django hands on what its filters are given, and a page of ours asks for none of it. Nor for a pattern: SQLite has
    Python match it, which some pattern would keep busy, and the whole process with it, for ever.
    """

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the view's answer, unless the address has NUL or a pattern in it. Raises SuspiciousOperation."""
        if _is_of_the_admin(request):
            if "\x00" in request.path + unquote(request.META["QUERY_STRING"]):
                raise SuspiciousOperation("NUL in an address")
            if any(_PATTERNS.intersection(name.split("__")) for name in request.GET):
                raise SuspiciousOperation("a pattern in an address")
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the answer to `error` where the database has no place for what was asked; None where it is another."""
        if _is_of_the_admin(request) and _has_no_place(error):
            return bad_request(request, error)
        return None


def _has_no_place(error: Exception) -> bool:
    """Tell whether the database, or Django on the way to it, refused a value; for some of them only the words tell."""
    refused = isinstance(error, ValueError) and _NO_VALUE.search(str(error))
    return bool(refused) or isinstance(error, OverflowError | DataError)


def _is_of_the_admin(request: HttpRequest) -> bool:
    return request.path_info.startswith(f"/{settings.ADMIN_PATH}")


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
def not_stored(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Let no browser and no proxy store what views answer: nearly all of it is somebody's. Static files come before."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "no-store"
        return response

    return answer


@sync_only_middleware
def in_one_thread(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return `get_response` as it is.

    As the last middleware it is synchronous, so all synchronous ones before it run in one go, on the view's thread.
    """
    return get_response
