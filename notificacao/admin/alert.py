"""List the alerts of the system itself: those that are open first, then those of before. Nobody edits them."""

from datetime import datetime

from django.contrib import admin
from django.db.models import F
from django.utils import timezone
from django.utils.html import format_html

from notificacao import alerts
from notificacao.admin.readonly import ReadOnlyAdmin
from notificacao.admin.wording import Wording
from notificacao.models import Alert


def _moment(moment: datetime) -> str:
    """Say a moment as shortly as it fits into a list that has much to say."""
    return f"{timezone.localtime(moment):%d/%m/%Y %H:%M}"


class OpenFilter(admin.SimpleListFilter):
    """Choose alerts by whether they are open."""

    title = "situação"
    parameter_name = "aberto"

    def lookups(self, request, model_admin):
        return [("sim", "Em aberto"), ("nao", "Encerrados")]

    def queryset(self, request, queryset):
        return queryset if self.value() is None else queryset.filter(closed_at__isnull=self.value() == "sim")


class NameFilter(admin.SimpleListFilter):
    """Choose the alerts of one name, by its title."""

    title = "alerta"
    parameter_name = "nome"

    def lookups(self, request, model_admin):
        return [(one.name, one.title) for one in alerts.DEFINITIONS.values()]

    def queryset(self, request, queryset):
        return queryset if self.value() is None else queryset.filter(name=self.value())


@admin.register(Alert)
class AlertAdmin(Wording, ReadOnlyAdmin):
    """Show what was wrong, since when and until when, with a link to what is to be done."""

    feminine = False

    list_display = ("title", "level", "about", "detail", "since", "closed", "what_to_do")
    list_display_links = None
    list_filter = (OpenFilter, NameFilter)
    fields = ("title", "level", "about", "detail", "since", "seen_at", "closed", "what_to_do")
    readonly_fields = fields
    sortable_by = ()
    date_hierarchy = "opened_at"

    def get_ordering(self, request):
        return [F("closed_at").desc(nulls_first=True), "-opened_at", "-pk"]

    @admin.display(description="alerta")
    def title(self, alert) -> str:
        """Return the title; the name of an alert that this version does not raise."""
        known = alerts.DEFINITIONS.get(alert.name)
        return known.title if known else alert.name

    @admin.display(description="nível")
    def level(self, alert) -> str:
        """Return the level of escalation that it calls for first."""
        known = alerts.DEFINITIONS.get(alert.name)
        return str(known.level) if known else ""

    @admin.display(description="desde")
    def since(self, alert) -> str:
        return _moment(alert.opened_at)

    @admin.display(description="até", empty_value="em aberto")
    def closed(self, alert) -> str | None:
        return alert.closed_at and _moment(alert.closed_at)

    @admin.display(description="o que fazer")
    def what_to_do(self, alert) -> str:
        """Return the link to the runbook."""
        return format_html('<a href="{}">Ver no plantão</a>', alerts.runbook(alert.name))
