"""Let staff change their own password in the admin: tries are limited and on record, and so is the change."""

from django.contrib import admin
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from notificacao.admin import reauthentication


class _OwnPasswordForm(AdminPasswordChangeForm):
    """Check the old password and set a new one; `request`, set on the class, is of whoever changes it."""

    request = None

    def clean_old_password(self) -> str:
        reauthentication.take_try(self.user)
        try:
            return super().clean_old_password()
        except ValidationError:
            reauthentication.note_wrong(self.user)
            raise

    def save(self, commit=True):
        """Save the new password, and record the act; the hash is computed before."""
        person = super().save(commit=False)
        with transaction.atomic():
            person.save()
            reauthentication.put_on_record(self.request, person, changed=["password"])
        return person


def change(request: HttpRequest, extra_context=None) -> HttpResponse:
    """Show the page, as `AdminSite.password_change` does, with a form that knows who asks."""
    site = admin.site
    request.current_app = site.name  # type: ignore[attr-defined]
    view = PasswordChangeView.as_view(
        form_class=type("OwnPasswordForm", (_OwnPasswordForm,), {"request": request}),
        success_url=reverse("admin:password_change_done", current_app=site.name),
        extra_context={**site.each_context(request), **(extra_context or {})},
    )
    return view(request)
