"""Show the circuit breaker's state to staff, and let them force it open or closed."""

from django.contrib import admin

from notificacao.admin.wording import Wording
from notificacao.models import BreakerState
from notificacao.rollout.breaker_override import PERMISSION, force_breaker


@admin.register(BreakerState)
class BreakerStateAdmin(Wording, admin.ModelAdmin):
    """Show what the dispatcher wrote; only `forced` can be edited, with the permission `force_breaker`."""

    feminine = False

    list_display = ("__str__", "state", "forced", "reason", "changed_at")
    fields = ("state", "reason", "changed_at", "forced", "forced_by", "forced_at")
    readonly_fields = ("state", "reason", "changed_at", "forced_by", "forced_at")
    sortable_by = ()

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return request.user.has_perm(PERMISSION)

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def save_model(self, request, obj, form, change) -> None:
        force_breaker(BreakerState.Forced(form.cleaned_data["forced"]), request.user)

    def log_change(self, request, obj, message) -> None:
        """Write nothing: `force_breaker` has already written the history, in words."""
