"""Ask for a code of a second device at the admin's login where ADMIN_OTP is set, on one page and in one step."""

from django import forms
from django_otp import devices_for_user
from django_otp.admin import OTPAdminAuthenticationForm, OTPAdminSite

from notificacao import login


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
