"""Let staff manage people: accounts, powers, passwords, and on the same page where each works."""

import copy

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm

from notificacao.admin import reauthentication
from notificacao.admin.memberships import MembershipOfPerson
from notificacao.admin.reauthentication import CONFIRMATION, FormKnowsWho, OwnPasswordForm
from notificacao.admin.wording import Wording
from notificacao.models import Person

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


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
