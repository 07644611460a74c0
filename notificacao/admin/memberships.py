"""Let staff see, grant and end memberships: on a person's page, on a unit's, and in a list of their own."""

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import BaseInlineFormSet

from notificacao.admin import reauthentication
from notificacao.admin.wording import Wording
from notificacao.models import Membership, Person, Unit


class _Unchangeable:
    """Forbid changing a membership, which only begins and ends.

    A changed one would open what its new unit was told before the person came.
    """

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class _ActiveUnits:
    """Offer active units alone for a new membership; those that exist stay."""

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name == "unit":
            kwargs["queryset"] = Unit.objects.filter(status=Unit.Status.ACTIVE)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class _PersonMembershipForm(forms.ModelForm):
    """Check one membership on a person's page; the formset checks whether the person holds it already.

    Django 5.2 does not check constraints that name the parent. Django 6 asks the database, and finds the memberships
    that this same form ends.
    """

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "person"}


class _PersonMembershipFormSet(BaseInlineFormSet):
    """Check all memberships on a person's page; `by`, set on the class, is the person who grants them."""

    by: Person

    def clean(self) -> None:
        super().clean()
        begun = [form.instance for form in self.extra_forms if form.has_changed()]
        ended = [form.instance for form in self.deleted_forms]
        roles = [one.role for one in (*begun, *ended)]
        reauthentication.demand_powers(self.by, roles)
        if not all(reauthentication.may_end(self.by, one) for one in ended):
            raise ValidationError("Ninguém retira um papel de si mesmo: peça a outra pessoa.")
        reaches = reauthentication.demand_reach(self.by, self.instance, [(one.role, one.unit_id) for one in begun])
        if reaches or reauthentication.POWERFUL.intersection(roles):
            reauthentication.demand(self.by, self.data)

    def validate_unique(self) -> None:
        """Refuse two equal memberships among those that stay and those that begin."""
        ended = self.deleted_forms
        over = {form.instance.pk for form in ended}
        kept = [membership for membership in self.get_queryset() if membership.pk not in over]
        kept += [form.instance for form in self.extra_forms if form not in ended and form.has_changed()]
        if len({(membership.role, membership.unit_id) for membership in kept}) < len(kept):
            raise ValidationError("A mesma função na mesma unidade aparece duas vezes: retire uma.")


class MembershipOfPerson(_Unchangeable, _ActiveUnits, admin.TabularInline):
    model = Membership
    form = _PersonMembershipForm
    formset = _PersonMembershipFormSet
    fields = ("role", "unit", "created_at")
    readonly_fields = ("created_at",)
    extra = 0

    def get_formset(self, request, obj=None, **kwargs):
        formset = super().get_formset(request, obj, **kwargs)
        formset.by = request.user
        return formset


class MemberOfUnit(_Unchangeable, admin.TabularInline):
    model = Membership
    fields = readonly_fields = ("person", "role", "created_at")
    verbose_name_plural = "Membros (veja e altere em cada pessoa)"

    def has_add_permission(self, request, obj) -> bool:
        return False

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("person", "unit")


class _MembershipForm(forms.ModelForm):
    """Grant a membership; `by`, set on the class, is the person who grants it."""

    own_password = reauthentication.password_field()
    by: Person

    def clean(self):
        cleaned = super().clean()
        role, person = cleaned.get("role"), cleaned.get("person")
        if person:
            reauthentication.demand_above(self.by, person)
            unit = cleaned.get("unit")
            reaches = reauthentication.demand_reach(self.by, person, [(role or "", unit.pk if unit else None)])
        if role in reauthentication.POWERFUL:
            reauthentication.demand_powers(self.by, [role])
        if role in reauthentication.POWERFUL or (person and reaches):
            reauthentication.demand(self.by, self.data)
        return cleaned


@admin.register(Membership)
class MembershipAdmin(_Unchangeable, _ActiveUnits, Wording, admin.ModelAdmin):
    """Manage memberships. A powerful one ends on its person's page, which asks for a password."""

    list_display = ("person", "role", "unit", "created_at")
    list_filter = ("role", "unit")
    list_select_related = ("person", "unit")
    search_fields = ("person__username", "person__first_name", "person__last_name", "unit__code")
    autocomplete_fields = ("person",)
    form = _MembershipForm
    fields = ("person", "role", "unit", reauthentication.FIELD)

    def has_delete_permission(self, request, obj=None) -> bool:
        """Let nobody end a powerful membership here, nor one of a person with a power that they lack."""
        may = super().has_delete_permission(request, obj)
        if obj is None or not may:
            return may
        free = obj.role not in reauthentication.POWERFUL and reauthentication.may_end(request.user, obj)
        return free and reauthentication.may_act_on(request.user, obj.person)

    def get_fields(self, request, obj=None):
        return self.fields if obj is None else ("person", "role", "unit")

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        form.by = request.user
        return form

    def save_model(self, request, obj, form, change) -> None:
        super().save_model(request, obj, form, change)
        reauthentication.put_roles_on_record(request, obj.person, [str(obj.role)])

    def delete_model(self, request, obj) -> None:
        put_end_on_record(request, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request, queryset) -> None:
        """Delete the chosen memberships, and record each."""
        with transaction.atomic():
            for membership in queryset.select_related("person"):
                put_end_on_record(request, membership)
            super().delete_queryset(request, queryset)


def put_end_on_record(request, membership: Membership) -> None:
    """Record the end of a membership with its id, by which `data_subject` finds the admin's entries about it."""
    what = {"changed": [str(membership.role)], "memberships": [membership.pk]}
    reauthentication.put_on_record(request, membership.person, **what)
