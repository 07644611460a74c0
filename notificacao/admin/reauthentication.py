"""Ask for one's own password again before granting power: an open session alone must not be enough for it."""

from django import forms

from notificacao import rates
from notificacao.conf import conf
from notificacao.models import Person, Role
from notificacao.rates import Rate

POWERFUL = {Role.ADMIN, Role.GESTOR}
FIELD = "own_password"


def password_field() -> forms.CharField:
    """Return the field FIELD for a form that may grant power."""
    return forms.CharField(
        label="Sua senha",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Só para conceder poder: administrador, gestor, acesso à administração, permissões.",
    )


def demand(person: Person, data) -> None:
    """Check `person`'s password in `data`, what a form was sent with, under FIELD.

    Raises ValidationError where it is wrong, or after too many attempts (RATE_LOGIN).
    """
    if rates.take(f"login:{person.pk}:own", Rate(*conf.RATE_LOGIN)):
        raise forms.ValidationError("Você tentou vezes demais: aguarde um minuto.")
    if not person.check_password(data.get(FIELD) or ""):
        raise forms.ValidationError("Para conceder este poder, digite a sua própria senha.")
