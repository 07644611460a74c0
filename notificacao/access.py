"""Tells open streams that what somebody may hear has changed."""

from collections.abc import Iterable

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from notificacao import wakes
from notificacao.models import Person


def touch(person_pks: Iterable[int]) -> None:
    """Make every open stream of these people ask again, once the transaction is committed."""
    Person.objects.filter(pk__in=list(person_pks)).update(access_changed_at=Now())
    wakes.after_commit(wakes.HUBS)


def touch_everybody_with_a_role() -> None:
    """A unit or a benefit came, went, or changed what it handles: whoever holds a role may hear other channels."""
    Person.objects.filter(memberships__isnull=False).update(access_changed_at=Now())
    wakes.after_commit(wakes.HUBS)


def touch_owner(session: Session) -> None:
    """A login is over. Django's `user_logged_out` comes before the session is gone: a hub that looks then finds it."""
    owner = session.get_decoded().get(SESSION_KEY)
    if owner is not None:
        touch([int(owner)])
