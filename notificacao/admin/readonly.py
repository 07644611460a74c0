"""Offer the base of admin pages that show rows and change none."""

from django.contrib import admin


class ReadOnlyAdmin(admin.ModelAdmin):
    """Forbid adding, changing and deleting, whatever permissions a person has."""

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False
