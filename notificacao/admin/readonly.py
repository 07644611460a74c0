"""Offer the bases of admin pages whose rows nobody changes."""

from django.contrib import admin


class AddOnlyAdmin(admin.ModelAdmin):
    """Forbid changing and deleting, whatever permissions a person has; the second click on a form sends nothing."""

    class Media:
        js = ("notificacao/admin/send_once.js",)

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def may_change(self, request) -> bool:
        """Tell whether the person holds the model's permission to change, which other acts ask for."""
        return super().has_change_permission(request)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Forbid adding, changing and deleting, whatever permissions a person has."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
