"""Ask before an action on many rows: how many it would change is said first."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.template.response import TemplateResponse

from notificacao.admin import reauthentication

ASK_ABOVE = 50  # rows, as in the inbox


def asks_above_fifty(act: Callable[..., Any]) -> Callable[..., Any]:
    """Have the action `act` of a ModelAdmin ask first where it was chosen for more than ASK_ABOVE rows."""

    @wraps(act)
    def asking(self, request, queryset) -> HttpResponse | None:
        count = queryset.count()
        if count <= ASK_ABOVE or "confirmed" in request.POST:
            return act(self, request, queryset)
        return _page(self, request, count)

    return asking


def asks_own_password(act: Callable[..., Any]) -> Callable[..., Any]:
    """Have the action `act` of a ModelAdmin ask for one's own password first."""

    @wraps(act)
    def asking(self, request, queryset) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return _page(self, request, queryset.count(), password=True)
        try:
            reauthentication.demand(request.user, request.POST)
        except ValidationError as refused:
            return _page(self, request, queryset.count(), password=True, errors=refused.messages)
        return act(self, request, queryset)

    return asking


def _page(model_admin, request, count: int, *, password: bool = False, errors: Iterable[str] = ()) -> HttpResponse:
    """Return the page that says how many rows the action would change, and asks."""
    described = model_admin.get_actions(request)[request.POST["action"]][2]
    context = {**model_admin.admin_site.each_context(request), "title": "Confirmar", "count": count, "act": described}
    asked = {reauthentication.FIELD, "confirmed"}
    context["fields"] = [
        (name, value) for name, values in request.POST.lists() if name not in asked for value in values
    ]
    context |= {"meta": model_admin.opts, "password": password, "errors": errors}
    return TemplateResponse(request, "admin/notificacao/confirm.html", context)
