"""Stand in for the system of requests in a demonstration: the links of the catalogue lead here."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@login_required
@require_safe
def subject(request: HttpRequest, protocol: str) -> HttpResponse:
    """Show which matter was asked for; only with DEBUG, where the demonstration runs."""
    if not settings.DEBUG:
        raise Http404
    return render(request, "notificacao/subject.html", {"protocol": protocol})
