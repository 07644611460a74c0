"""Answer 503 where the database, or a turn to hash a password, was not to be had: a problem or a page."""

import structlog
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from notificacao.hashing import TooManyLogins
from notificacao.outages import Repeats
from notificacao.stream.request import Rejection

RETRY_AFTER = 2  # seconds
_API = "/api/"

logger = structlog.get_logger(__name__)

_told = Repeats()


def answer(request: HttpRequest, error: BaseException | None = None) -> HttpResponse:
    """Return the answer, which says that nothing was done and when to try again. It asks the database for nothing."""
    of_logins = isinstance(error, TooManyLogins)
    seconds = error.retry_after if isinstance(error, TooManyLogins) else RETRY_AFTER
    if times := _told.due("logins" if of_logins else "database"):
        logger.warning("logins_busy" if of_logins else "database_busy", path=request.path, times=times)
    _ask_nobody(request)
    if request.path.startswith(_API):
        response = _problem()
    else:
        page = "notificacao/aguarde_vez.html" if of_logins else "notificacao/ocupado.html"
        response = render(request, page, {"seconds": seconds}, status=503)
    response["Retry-After"] = seconds
    response["Cache-Control"] = "no-store"
    return response


def _ask_nobody(request: HttpRequest) -> None:
    """Leave the session as it is, and who asks unknown where it is not known yet: a query would wait once more."""
    request.session.modified = False
    if not hasattr(request.session, "_session_cache"):
        request.session._session_cache = {}  # type: ignore[attr-defined]
    if not hasattr(request, "_cached_user"):
        request.user = AnonymousUser()


def _problem() -> HttpResponse:
    detail = _("O banco de dados está ocupado e nada foi feito: tente de novo em instantes.")
    problem = Rejection(503, "database_busy", _("Indisponível"), detail)
    return HttpResponse(problem.body(), status=503, content_type="application/problem+json")
