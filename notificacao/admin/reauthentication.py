"""Guard acts on accounts: each asks for one's own password, and nobody acts on, or gives, a power that they lack.

An open session alone must not be enough for such an act, nor the permission to change people.
"""

import copy
from collections.abc import Iterable

from django import forms
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from notificacao import audit, login, rates, scopes, staff_scope
from notificacao.conf import conf
from notificacao.models import AuditEvent, Membership, Person
from notificacao.rates import Rate

POWERFUL = {role for scope in scopes.SHARED.values() for role in scope.roles(scopes.Reach.ALL)}
FIELD = "own_password"
CONFIRMATION = ("Confirmação", {"fields": (FIELD,)})


def password_field() -> forms.CharField:
    """Return the field FIELD for a form that may act on an account."""
    return forms.CharField(
        label="Sua senha",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Para dar ou retirar poder (papel que ouve tudo, acesso, permissões, chave de um sistema), abrir, "
        "ativar ou desativar uma conta, trocar uma senha ou um segundo fator.",
    )


class OwnPasswordForm(forms.ModelForm):
    """Ask for one's own password whatever is changed; `by`, set on the class, is who acts."""

    own_password = password_field()
    by: Person

    def clean(self):
        cleaned = super().clean()
        self.check_the_act(cleaned)
        demand(self.by, self.data)
        return cleaned

    def check_the_act(self, cleaned) -> None:
        """Refuse what `by` may not do, whatever the password. Raises ValidationError."""


class FormKnowsWho:
    """Tell a ModelAdmin's form who acts; put it before that in the bases."""

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        form.by = request.user
        return form


class PasswordOnRecord:
    """Record a new password as it is saved; put it before Django's form. `request` is set on the class."""

    request = None

    def save(self, commit=True):
        """Save the person with the new password, and record the act; the hash is computed before."""
        person = super().save(commit=False)
        with transaction.atomic():
            person.save()
            put_on_record(self.request, person, changed=["password"])
        return person


def demand(person: Person, data) -> None:
    """Check `person`'s password in `data`, what a form was sent with, under FIELD.

    Raises ValidationError where it is wrong, or after too many attempts (RATE_LOGIN).
    """
    take_try(person)
    given = data.get(FIELD) or ""
    if not person.check_password(given):
        if given:
            note_wrong(person)
        raise ValidationError("Para isto, digite a sua própria senha.")


def take_try(person: Person) -> None:
    """Count a try at `person`'s password in a session of theirs. Raises ValidationError after too many."""
    if rates.take(f"login:{person.pk}:own", Rate(*conf.RATE_LOGIN)):
        note_wrong(person)
        raise ValidationError("Você tentou vezes demais: aguarde um minuto.")


def note_wrong(person: Person) -> None:
    """Record a wrong password in a session of `person`'s, which may have been stolen; it counts for the alarm."""
    login.note_failure(person.username, None, "own_password")


def powers_of(person: Person) -> set[str]:
    """Return the powers that `person` holds, or would hold once active again.

    These are permissions, the flags of an account, and the roles that hear more than one unit.
    """
    permissions = Permission.objects.filter(Q(user=person) | Q(group__user=person))
    names = permissions.values_list("content_type__app_label", "codename")
    flags = {name for name in ("is_staff", "is_superuser") if getattr(person, name)}
    roles = person.memberships.filter(role__in=POWERFUL).values_list("role", flat=True)
    return {f"{app}.{codename}" for app, codename in names} | flags | set(roles)


def may_act_on(by: Person, person: Person) -> bool:
    """Tell whether `by` holds every power that `person` holds, and reaches as far. A superuser holds all of them."""
    return by.is_superuser or (powers_of(person) <= powers_of(by) and _reaches_as_far(by, person))


def _reaches_as_far(by: Person, person: Person) -> bool:
    """Tell whether `by` may send to and see in the admin all that `person` may, or would once active again."""
    if not person.is_staff:
        return True
    active = copy.copy(person)
    active.is_active = True
    return all(scope(by).covers(scope(active)) for scope in (staff_scope.to_send, staff_scope.to_see))


def demand_powers(by: Person, roles: Iterable[str]) -> None:
    """Refuse powerful ones among `roles` that `by` does not hold. Raises ValidationError."""
    if not by.is_superuser and not POWERFUL.intersection(roles) <= powers_of(by):
        raise ValidationError("Ninguém dá nem retira um papel deste alcance sem o ter.")


def demand_reach(by: Person, person: Person, begun: Iterable[tuple[str, int | None]]) -> bool:
    """Refuse to let staff reach by a role what `by` does not; `begun` has `(role, unit pk)`. Raises ValidationError.

    Return whether a role among them lets `person` send and see by itself, for which one's own password is asked.
    """
    begun = [(role, unit_pk) for role, unit_pk in begun if role] if person.is_staff else []
    mine = (staff_scope.to_send(by), staff_scope.to_see(by))
    for role, unit_pk in begun:
        if not all(own.covers(more) for own, more in zip(mine, staff_scope.given_by(role, unit_pk), strict=True)):
            raise ValidationError("Ninguém dá a quem usa a administração um papel que alcança mais do que o seu.")
    return any(staff_scope.TABLE[role].itself for role, _ in begun)


def may_end(by: Person, membership: Membership) -> bool:
    """Tell whether `by` is free to end it as far as it is theirs: nobody decides alone on a role of their own."""
    return by.is_superuser or membership.person_id != by.pk


def demand_above(by: Person, person: Person) -> None:
    """Refuse an act on `person` where they hold a power that `by` lacks. Raises ValidationError."""
    if not may_act_on(by, person):
        raise ValidationError("Esta pessoa tem um poder que você não tem: peça a quem o tem.")


def put_on_record(request, person: Person, action: str = AuditEvent.Action.ACCOUNT_CHANGED, **what) -> None:
    """Record an act of whoever makes `request` on the account of `person`."""
    audit.record(action, who=request.user.public_id, ip=audit.address_of(request), to=person.public_id, **what)


def put_roles_on_record(request, person: Person, given: list[str]) -> None:
    """Record that whoever makes `request` gave `person` these roles or powers."""
    put_on_record(request, person, AuditEvent.Action.ROLE_GIVEN, given=given)
