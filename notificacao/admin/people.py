"""People, units, benefits, and the memberships that join them."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet

from notificacao.models import BenefitType, Membership, Person, Unit


class _NeverChanged:
    """A membership begins and ends: changed, it would open what its new unit was told before the person came."""

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class _EachOnce(BaseInlineFormSet):
    """In a formset Django checks no constraint that names the person."""

    def validate_unique(self) -> None:
        ended = self.deleted_forms
        kept = [form.instance for form in self.forms if form not in ended and (form.instance.pk or form.has_changed())]
        if len({(membership.role, membership.unit_id) for membership in kept}) < len(kept):
            raise ValidationError("Há dois vínculos iguais: retire um.")


class MembershipOfPerson(_NeverChanged, admin.TabularInline):
    model = Membership
    formset = _EachOnce
    fields = ("role", "unit", "created_at")
    readonly_fields = ("created_at",)
    extra = 0


class MemberOfUnit(_NeverChanged, admin.TabularInline):
    model = Membership
    fields = readonly_fields = ("person", "role", "created_at")
    verbose_name_plural = "Membros (veja e altere em cada pessoa)"

    def has_add_permission(self, request, obj) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("person", "unit")


@admin.register(Person)
class PersonAdmin(UserAdmin):
    """Somebody who leaves is made inactive: deleting them would take the history of what they did along."""

    inlines = (MembershipOfPerson,)
    list_display = ("username", "name", "roles", "is_active", "is_staff")
    list_filter = ("is_active", "is_staff", "memberships__role", "memberships__unit", "groups")

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("memberships__unit")

    @admin.display(description="nome", ordering="first_name")
    def name(self, person) -> str:
        return person.get_full_name()

    @admin.display(description="vínculos")
    def roles(self, person) -> str:
        return ", ".join(
            f"{m.get_role_display()} ({m.unit.code})" if m.unit else m.get_role_display()
            for m in sorted(person.memberships.all(), key=lambda m: m.pk)
        )


@admin.register(Unit)
class UnitAdmin(admin.ModelAdmin):
    inlines = (MemberOfUnit,)
    list_display = ("code", "name", "kind", "status")
    list_filter = ("kind", "status")
    search_fields = ("code", "name", "sigla")
    filter_horizontal = ("benefits",)


@admin.register(BenefitType)
class BenefitTypeAdmin(admin.ModelAdmin):
    list_display = ("name", "slug")
    search_fields = ("name", "slug")

    def get_readonly_fields(self, request, obj=None):
        """The slug names the channel: another would leave its notifications behind."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else {"slug": ("name",)}


@admin.register(Membership)
class MembershipAdmin(_NeverChanged, admin.ModelAdmin):
    list_display = ("person", "role", "unit", "created_at")
    list_filter = ("role", "unit")
    list_select_related = ("person", "unit")
    search_fields = ("person__username", "person__first_name", "person__last_name", "unit__code")
    autocomplete_fields = ("person",)
    fields = ("person", "role", "unit")
