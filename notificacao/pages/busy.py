"""Answer 503 where the database, or a turn to hash a password, was not to be had or was lost: a problem or a page."""

import structlog
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from notificacao.database import is_away, may_be_done
from notificacao.hashing import TooManyLogins
from notificacao.outages import Repeats
from notificacao.stream.request import Rejection

RETRY_AFTER = 2  # seconds
_API = "/api/"

logger = structlog.get_logger(__name__)

_told = Repeats()


def answer(request: HttpRequest, error: BaseException | None = None) -> HttpResponse:
    """Return the answer: whether nothing was done, and when to try again. It asks the database for nothing."""
    of_logins = isinstance(error, TooManyLogins)
    seconds = error.retry_after if isinstance(error, TooManyLogins) else RETRY_AFTER
    unknown = error is not None and may_be_done(error)
    if times := _told.due("logins" if of_logins else "database"):
        logger.warning("logins_busy" if of_logins else "database_busy", path=request.path, times=times)
    if unknown:
        logger.warning("outcome_unknown", path=request.path)
    _ask_nobody(request)
    if request.path_info.startswith(_API):
        response = _problem(error)
    else:
        page = "notificacao/aguarde_vez.html" if of_logins else "notificacao/ocupado.html"
        response = render(request, page, {"seconds": seconds, "unknown": unknown}, status=503)
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


def _problem(error: BaseException | None) -> HttpResponse:
    title = _("Indisponível")
    if error is not None and may_be_done(error):
        detail = _("A conexão com o banco de dados caiu enquanto gravava: confira se foi feito antes de repetir.")
        problem = Rejection(503, "outcome_unknown", title, detail)
    elif error is not None and is_away(error):
        detail = _("O banco de dados não responde e nada foi feito: tente de novo em instantes.")
        problem = Rejection(503, "database_away", title, detail)
    else:
        detail = _("O banco de dados está ocupado e nada foi feito: tente de novo em instantes.")
        problem = Rejection(503, "database_busy", title, detail)
    return HttpResponse(problem.body(), status=503, content_type="application/problem+json")
