"""Answer 503 where the database could not be had in time: problem details to the API, a page to people."""

import structlog
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from notificacao.stream.request import Rejection

RETRY_AFTER = 2  # seconds
_API = "/api/"

logger = structlog.get_logger(__name__)


def answer(request: HttpRequest) -> HttpResponse:
    """Return the answer, which says that nothing was done and when to try again. It asks the database for nothing."""
    logger.warning("database_busy", path=request.path)
    request.user = AnonymousUser()  # who it is may be what could not be read
    response = _problem() if request.path.startswith(_API) else _page(request)
    response["Retry-After"] = RETRY_AFTER
    response["Cache-Control"] = "no-store"
    return response


def _problem() -> HttpResponse:
    detail = _("O banco de dados está ocupado e nada foi feito: tente de novo em instantes.")
    problem = Rejection(503, "database_busy", _("Indisponível"), detail)
    return HttpResponse(problem.body(), status=503, content_type="application/problem+json")


def _page(request: HttpRequest) -> HttpResponse:
    return render(request, "notificacao/ocupado.html", {"seconds": RETRY_AFTER}, status=503)
