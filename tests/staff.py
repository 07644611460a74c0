"""Who works in the admin, with exactly the permissions that a test names."""

from django.contrib.auth.models import Permission

from notificacao.models import Person
from tests.conftest import make_person


def make_staff(username: str, *codenames: str) -> Person:
    """A staff member who may do `codenames`, such as `add_notification`, and nothing else."""
    person = make_person(username, is_staff=True, first_name=username.title())
    permissions = Permission.objects.filter(codename__in=codenames, content_type__app_label="notificacao")
    assert len(permissions) == len(codenames)
    person.user_permissions.set(permissions)
    return person


def told(response) -> list[str]:
    """What the admin says above the page to which `response` leads."""
    return [str(message) for message in response.context["messages"]]


def complaints(response) -> list[str]:
    """The sentences with which a form was refused; none where it was accepted."""
    found = (response.context or {}).get("errors", ())
    return [sentence for errors in found for sentence in ([errors] if isinstance(errors, str) else errors)]
