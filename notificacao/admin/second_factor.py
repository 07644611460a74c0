"""Ask for a code of a second device at the admin's login where ADMIN_OTP is set, on one page and in one step."""

from django import forms
from django.contrib import admin
from django_otp import devices_for_user
from django_otp.admin import OTPAdminAuthenticationForm, OTPAdminSite
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice

from notificacao import login
from notificacao.admin import reauthentication


class SecondFactorForm(OTPAdminAuthenticationForm):
    """Ask for user name, password and code. Whoever has one device does not choose it.

    The password is never sent back into the page.
    """

    otp_token = forms.CharField(
        label="Código do segundo fator",
        required=False,
        help_text="Seis dígitos, do aplicativo de autenticação no seu telefone.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 6}),
    )
    otp_error_messages = {
        **OTPAdminAuthenticationForm.otp_error_messages,
        "token_required": "Digite também o código do segundo fator.",
        "invalid_token": "O código não confere: digite o que o aplicativo mostra agora.",
        "device_required": "Escolha o dispositivo. Se não há nenhum, peça um segundo fator a quem cuida do sistema.",
        "n_failed_attempts": "Códigos errados demais: aguarde um pouco e tente de novo.",
        "verification_not_allowed": "O segundo fator desta conta está suspenso: fale com quem cuida do sistema.",
    }

    def clean_otp(self, user) -> None:
        """Check the code, and record a wrong one behind a right password: a stranger may hold the password."""
        try:
            super().clean_otp(user)
        except forms.ValidationError:
            if self.cleaned_data.get("otp_token"):
                login.note_failure(user.get_username(), self.request, "second_factor")
            raise

    def _chosen_device(self, user):
        devices = list(devices_for_user(user, for_verify=True))
        return devices[0] if len(devices) == 1 else super()._chosen_device(user)

    def _update_form(self, user) -> None:
        self.fields["otp_device"].widget.choices = self.device_choices(user)

    @property
    def must_choose(self) -> bool:
        return len(self.fields["otp_device"].widget.choices) > 2  # the empty choice, and more than one device


class SecondFactorSite(OTPAdminSite):
    """Let nobody into the admin without a second factor."""

    login_form = SecondFactorForm
    login_template = "admin/second_factor.html"


class _DeviceForm(reauthentication.OwnPasswordForm):
    """Give somebody a device, or change it."""

    def check_the_act(self, cleaned) -> None:
        if person := cleaned.get("user"):
            reauthentication.demand_above(self.by, person)


class DeviceAdmin(reauthentication.FormKnowsWho, TOTPDeviceAdmin):
    """Tend second factors, as acts on accounts. `manage.py otp_device` puts a new one in an old one's place."""

    form = _DeviceForm

    def has_change_permission(self, request, obj=None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or reauthentication.may_act_on(request.user, obj.user))

    def has_delete_permission(self, request, obj=None) -> bool:
        return False

    def lookup_allowed(self, lookup, value, request=None) -> bool:
        """Let nobody find a secret letter by letter, by which devices a list shows."""
        return not lookup.startswith("key") and super().lookup_allowed(lookup, value, request)

    def get_fieldsets(self, request, obj=None):
        return [*super().get_fieldsets(request, obj), reauthentication.CONFIRMATION]

    def save_model(self, request, obj, form, change) -> None:
        super().save_model(request, obj, form, change)
        reauthentication.put_on_record(request, obj.user, changed=["second_factor"])


def ask_for_it(site: admin.AdminSite) -> None:
    """Have `site` let nobody in without a second factor, and tend the devices as acts on accounts."""
    site.__class__ = SecondFactorSite
    if site.is_registered(TOTPDevice):  # by the library, as soon as its admin was imported
        site.unregister(TOTPDevice)
    site.register(TOTPDevice, DeviceAdmin)
