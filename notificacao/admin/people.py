"""Let staff manage people, units, benefits, and the memberships that join them."""

import copy

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import BaseInlineFormSet

from notificacao.admin import reauthentication
from notificacao.admin.reauthentication import CONFIRMATION, FormKnowsWho, OwnPasswordForm
from notificacao.admin.wording import Wording
from notificacao.models import BenefitType, Membership, Person, Unit

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


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


class _NewPersonForm(OwnPasswordForm, AdminUserCreationForm):
    """Open an account."""


class _PersonForm(UserChangeForm):
    """Change a person; `by`, set on the class, is the one who does it.

    Giving or taking power, and opening or closing the account, ask for that one's own password.
    """

    own_password = reauthentication.password_field()
    by: Person

    def clean(self):
        cleaned = super().clean()
        if self.acts():
            reauthentication.demand(self.by, self.data)
        return cleaned

    def acts(self) -> list[str]:
        """Return the names of the POWERS that this form gives or takes, and `is_active` where it changes."""
        return [name for name in (*POWERS, "is_active") if name in self.changed_data]

    def given(self) -> list[str]:
        """Return the names of the POWERS that this form grants."""
        return [name for name in POWERS if name in self.changed_data and self.cleaned_data.get(name)]


class _PasswordForm(reauthentication.PasswordOnRecord, AdminPasswordChangeForm):
    """Set a person's password, or take it away."""

    own_password = reauthentication.password_field()

    def clean(self):
        cleaned = super().clean()
        if not self.errors:
            reauthentication.demand(self.request.user, self.data)
        return cleaned


@admin.register(Person)
class PersonAdmin(Wording, FormKnowsWho, UserAdmin):
    """Manage people. Whoever leaves is made inactive: deleting them would delete the history of what they did."""

    form = _PersonForm
    add_form = _NewPersonForm
    change_user_password_template = "admin/notificacao/person/password.html"  # noqa: S105 – a path
    add_fieldsets = (*UserAdmin.add_fieldsets, CONFIRMATION)
    inlines = (MembershipOfPerson,)
    list_display = ("username", "name", "roles", "is_active", "is_staff")
    list_filter = ("is_active", "is_staff", "memberships__role", "memberships__unit", "groups")

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        """Let nobody change who holds a power that they lack: whoever sets the password of one becomes one."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or reauthentication.may_act_on(request.user, obj))

    def user_change_password(self, request, id, form_url=""):
        """Show the page that sets a person's password, with a form that knows who asks."""
        mine = copy.copy(self)
        mine.change_password_form = type("PasswordForm", (_PasswordForm,), {"request": request})
        return super(PersonAdmin, mine).user_change_password(request, id, form_url)

    def get_readonly_fields(self, request, obj=None):
        """Keep POWERS from whoever is no superuser: nobody grants what they do not have."""
        mine = super().get_readonly_fields(request, obj)
        return mine if request.user.is_superuser else (*mine, *POWERS)

    def get_fieldsets(self, request, obj=None):
        fieldsets = super().get_fieldsets(request, obj)
        return (*fieldsets, CONFIRMATION) if obj and self.has_change_permission(request, obj) else fieldsets

    def save_related(self, request, form, formsets, change) -> None:
        super().save_related(request, form, formsets, change)
        acts = form.acts() if change else ["opened"]
        acts += ["username"] * (change and "username" in form.changed_data)
        given = form.given() if change else []
        given += [str(one.role) for formset in formsets for one in getattr(formset, "new_objects", ())]
        taken = [str(one.role) for formset in formsets for one in getattr(formset, "deleted_objects", ())]
        if given:
            reauthentication.put_roles_on_record(request, form.instance, given)
        if changed := [name for name in acts if name not in given] + taken:
            reauthentication.put_on_record(request, form.instance, changed=changed)

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("memberships__unit")

    @admin.display(description="nome", ordering="first_name")
    def name(self, person) -> str:
        return person.get_full_name()

    @admin.display(description="funções e unidades")
    def roles(self, person) -> str:
        return ", ".join(
            f"{m.get_role_display()} ({m.unit.code})" if m.unit else m.get_role_display()
            for m in sorted(person.memberships.all(), key=lambda m: m.pk)
        )


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
                _put_end_on_record(request, membership)
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
        _put_end_on_record(request, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request, queryset) -> None:
        """Delete the chosen memberships, and record each."""
        with transaction.atomic():
            for membership in queryset.select_related("person"):
                _put_end_on_record(request, membership)
            super().delete_queryset(request, queryset)


def _put_end_on_record(request, membership: Membership) -> None:
    """Record the end of a membership with its id, by which `data_subject` finds the admin's entries about it."""
    what = {"changed": [str(membership.role)], "memberships": [membership.pk]}
    reauthentication.put_on_record(request, membership.person, **what)
