"""Ask before an action on many rows: how many it would change is said first."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.template.response import TemplateResponse

ASK_ABOVE = 50  # rows, as in the inbox


def asks_above_fifty(act: Callable[..., Any]) -> Callable[..., Any]:
    """Have the action `act` of a ModelAdmin ask first where it was chosen for more than ASK_ABOVE rows."""

    @wraps(act)
    def asking(self, request, queryset) -> HttpResponse | None:
        count = queryset.count()
        if count <= ASK_ABOVE or "confirmed" in request.POST:
            return act(self, request, queryset)
        described = self.get_actions(request)[request.POST["action"]][2]
        context = {**self.admin_site.each_context(request), "title": "Confirmar", "count": count, "act": described}
        context["fields"] = [(name, value) for name, values in request.POST.lists() for value in values]
        context["meta"] = self.opts
        return TemplateResponse(request, "admin/notificacao/confirm.html", context)

    return asking
