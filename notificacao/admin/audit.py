"""Show the audit trail to staff, who search it and export it, and never edit it."""

from django.contrib import admin
from django.db.models import Count, Max, OuterRef
from django.http import StreamingHttpResponse

from notificacao import audit
from notificacao.admin.csv_file import csv_file
from notificacao.admin.readonly import ReadOnlyAdmin
from notificacao.admin.wording import Wording
from notificacao.models import AuditEvent, Person


@admin.register(AuditEvent)
class AuditEventAdmin(Wording, ReadOnlyAdmin):
    """List audit events, each with the user name of the person who acted."""

    list_display = ("at", "action", "person", "ip", "reason")
    fields = ("at", "action", "person", "who", "ip", "reason", "data")
    list_filter = ("action",)
    search_fields = ("who", "ip", "reason")
    search_help_text = "Identificador da pessoa, nome de usuário ou endereço"
    date_hierarchy = "at"
    sortable_by = ()
    actions = ("export",)

    def get_search_results(self, request, queryset, search_term):
        found, distinct = super().get_search_results(request, queryset, search_term)
        ids = Person.objects.filter(username__iexact=search_term).values_list("public_id", flat=True)
        return found | queryset.filter(who__in=list(ids)), distinct

    def get_queryset(self, request):
        people = Person.objects.filter(public_id=OuterRef("who"))
        return super().get_queryset(request).annotate(username=people.values("username")[:1])

    @admin.action(description="Exportar em CSV", permissions=["view"])
    def export(self, request, queryset) -> StreamingHttpResponse:
        who, ip = request.user.public_id, audit.address_of(request)
        chosen = queryset.aggregate(events=Count("pk"), newest=Max("pk"))
        audit.record(AuditEvent.Action.AUDIT_EXPORTED, who=who, ip=ip, events=chosen["events"])
        lines = audit.as_csv(audit.in_batches(queryset.filter(pk__lte=chosen["newest"])))
        return csv_file("auditoria.csv", lines)

    @admin.display(description="pessoa")
    def person(self, event) -> str:
        """Return the user name that the person has today, or nothing where the account has gone."""
        return event.username or ""
