"""Let staff manage units, and the benefits that they handle."""

from django.contrib import admin
from django.db import transaction

from notificacao.admin.memberships import MemberOfUnit, put_end_on_record
from notificacao.admin.wording import Wording
from notificacao.models import BenefitType, Membership, Unit


@admin.register(Unit)
class UnitAdmin(Wording, admin.ModelAdmin):
    inlines = (MemberOfUnit,)
    list_display = ("code", "name", "kind", "status")
    list_filter = ("kind", "status")
    search_fields = ("code", "name", "sigla")
    filter_horizontal = ("benefits",)

    def delete_model(self, request, obj) -> None:
        self.delete_queryset(request, Unit.objects.filter(pk=obj.pk))

    def delete_queryset(self, request, queryset) -> None:
        """Delete the units, and record the end of each membership that goes with them."""
        with transaction.atomic():
            for membership in Membership.objects.filter(unit__in=queryset).select_related("person"):
                put_end_on_record(request, membership)
            super().delete_queryset(request, queryset)


@admin.register(BenefitType)
class BenefitTypeAdmin(Wording, admin.ModelAdmin):
    feminine = False
    list_display = ("name", "slug")
    search_fields = ("name", "slug")

    def get_readonly_fields(self, request, obj=None):
        """Fix the slug of a benefit that exists: another would name another channel, without its notifications."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else {"slug": ("name",)}
