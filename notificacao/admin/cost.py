"""Show what the month costs and will cost, and let staff switch the governor that keeps the budget."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from notificacao import audit, cost, spreadsheet
from notificacao.admin.csv_file import csv_file
from notificacao.admin.readonly import ReadOnlyAdmin
from notificacao.cost import Month
from notificacao.cost.prices import prices_on
from notificacao.models import AuditEvent, CostGovernor, CostMeter, Person

COLUMNS = {
    "day": "Dia",
    "published": "Publicadas",
    "delivered": "Entregues",
    "moved": "Passadas ao SSE",
    "connection_minutes": "Minutos de conexão",
    "channel_minutes": "Minutos de canal",
    "probes": "Mensagens das sondas",
    "messages_usd": "Mensagens (US$)",
    "connections_usd": "Conexões (US$)",
    "channels_usd": "Canais (US$)",
    "probes_usd": "Sondas (US$)",
    "total_usd": "Total (US$)",
}
_WIDTH, _HEIGHT = 720, 240
_ACTS = 20
_PLACES = Decimal("0.0001")
Kind = CostMeter.Kind


class ModeForm(forms.Form):
    """Switch the governor, with a reason."""

    mode = forms.ChoiceField(label="Modo", choices=CostGovernor.Mode.choices)
    reason = forms.CharField(
        label="Motivo (fica no histórico)", max_length=100, widget=forms.Textarea({"rows": 2, "maxlength": 100})
    )


@admin.register(CostGovernor)
class CostGovernorAdmin(ReadOnlyAdmin):
    """Replace the list by one page about the month."""

    fields = ("mode", "mode_by", "mode_at", "level", "reason", "changed_at")

    def get_urls(self) -> list:
        export = self.admin_site.admin_view(never_cache(self.export))
        return [path("csv/", export, name="notificacao_costgovernor_csv"), *super().get_urls()]

    @method_decorator(never_cache)
    def changelist_view(self, request, extra_context=None) -> HttpResponse:
        """Show the page at GET; switch the governor at POST."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._switch(request)
        return self._page(request)

    def _page(self, request: HttpRequest, form: ModeForm | None = None) -> HttpResponse:
        advice = cost.advise()
        row, month = advice.row, cost.month(advice.now)
        context = {
            **self.admin_site.each_context(request),
            "title": "Custo",
            "opts": self.opts,
            "month": month,
            "prices": prices_on(month.today),
            "governor": row,
            "levels": [(level.label, level == row.level, advice.months[level].forecast) for level in row.Level],
            "columns": COLUMNS.values(),
            "rows": list(_rows(month)),
            "chart": chart(month),
            "acts": _acts(),
            "form": form or ModeForm(initial={"mode": row.mode}),
            "may_govern": request.user.has_perm(cost.PERMISSION),
        }
        return TemplateResponse(request, "admin/notificacao/costgovernor/change_list.html", context)

    def _switch(self, request: HttpRequest) -> HttpResponse:
        """Switch the governor as was posted. Raises PermissionDenied."""
        if not request.user.has_perm(cost.PERMISSION):
            raise PermissionDenied
        form = ModeForm(request.POST)
        if not form.is_valid():
            return self._page(request, form)
        mode = CostGovernor.Mode(form.cleaned_data["mode"])
        cost.set_mode(mode, request.user, reason=form.cleaned_data["reason"], ip=audit.address_of(request))
        self.message_user(request, f"Feito: o controle do custo está “{mode.label}”.", messages.SUCCESS)
        return redirect(request.path)

    def export(self, request: HttpRequest) -> HttpResponse:
        """Answer the month's days as CSV. Raises PermissionDenied."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        month = cost.month()
        rows = [COLUMNS, *(map(str, row.values()) for row in _rows(month))]
        return csv_file(f"custo-{month.today:%Y-%m}.csv", map(spreadsheet.line, rows))


def _rows(month: Month) -> Iterator[dict[str, Any]]:
    """Yield a row for each day that was metered, its cells named as `COLUMNS`."""
    for day, costs in month.days.items():
        used = month.meters[day]

        def of(*kinds: str, used=used) -> int:
            return sum(amount for (kind, _), amount in used.items() if kind in kinds)

        yield {
            "day": day,
            "published": of(Kind.PUBLISHED),
            "delivered": of(Kind.DELIVERED),
            "moved": of(Kind.MOVED),
            "connection_minutes": of(Kind.CONNECTED, Kind.PROBING) // 60,
            "channel_minutes": of(Kind.CHANNELS, Kind.PROBING) // 60,
            "probes": of(Kind.PROBES),
            "messages_usd": costs.messages.quantize(_PLACES),
            "connections_usd": costs.connections.quantize(_PLACES),
            "channels_usd": costs.channels.quantize(_PLACES),
            "probes_usd": costs.probes.quantize(_PLACES),
            "total_usd": costs.total.quantize(_PLACES),
        }


def _acts() -> list[dict[str, Any]]:
    """Return the latest acts of the governor and of staff upon it, each with who did it and a sentence."""
    events = list(AuditEvent.objects.filter(action=AuditEvent.Action.COST_GOVERNED).order_by("-pk")[:_ACTS])
    names = {person.public_id: str(person) for person in Person.objects.filter(public_id__in={e.who for e in events})}
    return [{"at": event.at, "who": names.get(event.who, "Controle"), "told": _told(event)} for event in events]


def _told(event: AuditEvent) -> str:
    """Return what an act did, in a sentence."""
    given, mode = event.data, CostGovernor.Mode(event.data["mode"]).label
    if "before" in given:
        return f"{CostGovernor.Mode(given['before']).label} → {mode}. {event.reason}"
    before, after = (CostGovernor.Level(given[name]).label for name in ("from_level", "to_level"))
    figures = f"previsão de US$ {given['forecast']} → US$ {given['forecast_after']}, orçamento de US$ {given['budget']}"
    return f"{before} → {after} ({mode}): {figures}.".replace(".", ",").removesuffix(",") + "."


def chart(month: Month) -> dict[str, Any]:
    """Return the places, in an SVG of `width` × `height`, of the cost so far, the band of the forecast and the budget.

    The first point is what is due whatever is sent.
    """
    sums, running = [], sum(month.fixed.values(), Decimal(0))
    first = month.today.replace(day=1)
    sums.append((first - timedelta(days=1), running))
    for ahead in range(month.today.day):
        day = first + timedelta(days=ahead)
        running += month.days[day].total if day in month.days else 0
        sums.append((day, running))
    highest = max(month.budget, month.forecast.high, month.spent) * Decimal("1.1")

    def place(day: date, amount: Decimal) -> str:
        along = Decimal((day - first).days + 1) / month.last_day.day
        return f"{along * _WIDTH:.1f},{_HEIGHT - amount / highest * _HEIGHT:.1f}"

    here, end = place(month.today, running), month.last_day
    ends = [place(end, amount) for amount in (month.forecast.low, month.forecast.expected, month.forecast.high)]
    budget = _HEIGHT - month.budget / highest * _HEIGHT
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "spent": " ".join(place(*point) for point in sums),
        "band": f"{here} {ends[0]} {ends[2]}",
        "forecast": f"{here} {ends[1]}",
        "budget": f"{budget:.1f}",
        "budget_label": f"{budget - 6:.1f}",
    }
