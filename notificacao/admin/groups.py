"""Let superusers say what a group may do."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group

from notificacao import audit
from notificacao.admin.reauthentication import FormKnowsWho, OwnPasswordForm
from notificacao.models import AuditEvent

admin.site.unregister(Group)


@admin.register(Group)
class PowerGroupAdmin(FormKnowsWho, GroupAdmin):
    """Let superusers alone say what a group may do: whoever else could would give their own group everything."""

    form = OwnPasswordForm

    def has_add_permission(self, request) -> bool:
        return request.user.is_superuser and super().has_add_permission(request)

    def has_change_permission(self, request, obj=None) -> bool:
        return request.user.is_superuser and super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None) -> bool:
        """Keep a group that has members: they lose its powers on their own pages, which ask for a password."""
        may = request.user.is_superuser and super().has_delete_permission(request, obj)
        return may and (obj is None or not obj.user_set.exists())

    def save_related(self, request, form, formsets, change) -> None:
        super().save_related(request, form, formsets, change)
        who, ip = request.user.public_id, audit.address_of(request)
        audit.record(
            AuditEvent.Action.ACCOUNT_CHANGED, who=who, ip=ip, group=form.instance.pk, changed=form.changed_data
        )
