"""Show the last days held against the plan's goals, and hand them out as CSV."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from notificacao import slo
from notificacao.admin.csv_file import csv_file
from notificacao.admin.readonly import ReadOnlyAdmin
from notificacao.models import FigureMinute, Receipt

DAYS = (1, 7, 30, 90, 365)


@admin.register(FigureMinute)
class FigureMinuteAdmin(ReadOnlyAdmin):
    """Replace the list of minutes by the report."""

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        """Show the report on the last `days`, 30 where the address has no other of DAYS; with `as=csv` as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("days", "")
        days = int(asked) if asked in map(str, DAYS) else 30
        report = slo.report(days)
        if request.GET.get("as") == "csv":
            return csv_file(f"metas-{days}-dias.csv", slo.as_csv(report))
        context = {
            **self.admin_site.each_context(request),
            "title": "Metas",
            "opts": self.opts,
            "report": report,
            "days": days,
            "choices": DAYS,
            "verdicts": slo.VERDICTS,
            "incidents": [(incident, slo.REASONS[incident.reason]) for incident in reversed(report.incidents)],
            "transports": [(dict(Receipt.Transport.choices).get(one.name, one.name), one) for one in report.transports],
        }
        return TemplateResponse(request, "admin/notificacao/figureminute/change_list.html", context)
