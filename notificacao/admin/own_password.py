"""Let staff change their own password in the admin: tries are limited and on record, and so is the change."""

from django.contrib import admin
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from notificacao.admin import reauthentication


class _OwnPasswordForm(reauthentication.PasswordOnRecord, AdminPasswordChangeForm):
    """Check the old password and set a new one."""

    def clean_old_password(self) -> str:
        reauthentication.take_try(self.user)
        try:
            return super().clean_old_password()
        except ValidationError:
            reauthentication.note_wrong(self.user)
            raise


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
