"""Record what a page refuses before answering: a missing permission, or a form that is not of this site."""

from django.http import HttpRequest, HttpResponse
from django.views.csrf import csrf_failure
from django.views.defaults import permission_denied

from notificacao.denials import put_on_record


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 for a missing permission; Django's `handler403`."""
    put_on_record(request, "permission_denied")
    return permission_denied(request, exception)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 for a form that is not of this site; Django's `CSRF_FAILURE_VIEW`."""
    put_on_record(request, "forged")
    return csrf_failure(request, reason)
