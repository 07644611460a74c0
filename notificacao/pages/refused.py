"""What a page refuses, on record before it is told: no permission, or a form that is not of this site."""

from django.http import HttpRequest, HttpResponse
from django.views.csrf import csrf_failure
from django.views.defaults import permission_denied

from notificacao.models import AuditEvent
from notificacao.refusals import Refusals

_refusals = Refusals(AuditEvent.Action.ACCESS_DENIED)


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler403`."""
    put_on_record(request, "permission_denied")
    return permission_denied(request, exception)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's `CSRF_FAILURE_VIEW`."""
    put_on_record(request, "forged")
    return csrf_failure(request, reason)


def put_on_record(request: HttpRequest, code: str) -> None:
    where = request.resolver_match.view_name if request.resolver_match else ""
    who = getattr(request.user, "public_id", "")
    _refusals.record(who=who, ip=request.META.get("REMOTE_ADDR"), reason=f"{code} {where}".strip())
