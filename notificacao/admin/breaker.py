"""The breaker: looked at, never edited; the dispatcher alone writes it."""

from django.contrib import admin

from notificacao.models import BreakerState


@admin.register(BreakerState)
class BreakerStateAdmin(admin.ModelAdmin):
    list_display = fields = ("state", "reason", "changed_at")
    sortable_by = ()

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
