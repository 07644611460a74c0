"""Turn Django's signals into wakes and changes of access. No logic lives here; the polls find what signals miss."""

from collections.abc import Iterable

from django.contrib.auth.signals import user_login_failed
from django.contrib.sessions.models import Session
from django.db.backends.signals import connection_created
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal, receiver

from notificacao import access, changes, database, history, login, unit_closing, wakes
from notificacao.models import BenefitType, BreakerState, Membership, Notification, Person, RolloutFlag, Unit
from notificacao.models.people import units_close
from notificacao.scopes import SHARED


@receiver(connection_created)
def database_opened(connection, **kwargs) -> None:
    """Keep an SQLite file to its owner."""
    database.keep_private(connection)


@receiver(post_save, sender=Notification)
def wake_the_dispatcher(**kwargs) -> None:
    """Wake the dispatcher, which stamps and publishes the notification."""
    wakes.after_commit(wakes.DISPATCHER)


@receiver([post_save, post_delete], sender=RolloutFlag)
@receiver(post_save, sender=BreakerState)
def tell_who_publishes_and_who_streams(**kwargs) -> None:
    """Wake dispatchers and hubs, which read the flag and the breaker's state again."""
    wakes.after_commit(wakes.DISPATCHER)
    wakes.after_commit(wakes.HUBS)


@receiver([pre_save, pre_delete], sender=Membership)
def membership_changes(instance: Membership, origin=None, **kwargs) -> None:
    """Record what the membership's person may receive before the change.

    Where the membership goes with its person or its unit, they are looked at once, and not once for each membership.
    """
    if not access.goes_with_another(origin):
        access.record_before(instance, Membership.objects.filter(pk=instance.pk).values_list("person_id", flat=True))


@receiver([post_save, post_delete], sender=Membership)
def membership_changed(instance: Membership, origin=None, **kwargs) -> None:
    """Have the person's streams authorised again, and revoke what they lost."""
    if not access.goes_with_another(origin):
        changes.of_access([instance.person_id])
        access.settle_after(instance)


@receiver(pre_delete, sender=Membership)
def membership_ends(instance: Membership, origin=None, **kwargs) -> None:
    """Keep that the membership was held."""
    if not access.goes_with_another(origin):
        history.keep_ended([instance])


@receiver(pre_delete, sender=Unit)
def unit_ends(instance: Unit, **kwargs) -> None:
    """Keep that its memberships were held."""
    history.keep_ended(instance.memberships.all())


@receiver([pre_save, pre_delete], sender=Person)
def person_changes(instance: Person, update_fields=None, **kwargs) -> None:
    """Record what the person may receive before the change; a login alone changes nothing."""
    if not instance._state.adding and set(update_fields or ()) != {"last_login"}:
        access.record_before(instance, [instance.pk])


@receiver(post_save, sender=Person)
def person_changed(instance: Person, created: bool, update_fields, **kwargs) -> None:
    """Have the person's streams authorised again, and revoke what they lost; a login alone changes nothing."""
    if not created and set(update_fields or ()) != {"last_login"}:
        changes.of_access([instance.pk])
        access.settle_after(instance)


@receiver(post_delete, sender=Person)
def person_deleted(instance: Person, **kwargs) -> None:
    """Revoke the tokens of a person who was deleted."""
    access.settle_after(instance)


@receiver(user_login_failed)
def login_failed(credentials, request=None, **kwargs) -> None:
    """Record the failed login, and let it take as long as any other."""
    name = credentials.get("username") or ""
    login.note_failure(name, request)
    login.even_out(name)


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **kwargs) -> None:
    """End the streams of the login, and revoke its tokens."""
    access.end_login(instance)


def of_structures(*signals: Signal):
    """Return a decorator that has a receiver called for the tables whose rows have shared channels."""

    def connect(handler):
        for scope in SHARED.values():
            handler = receiver(signals, sender=scope.model)(handler)
        return handler

    return connect


@of_structures(pre_save, pre_delete)
def structure_changes(instance: Model, **kwargs) -> None:
    """Record who may subscribe to the channels of a unit or a benefit before it changes."""
    if not instance._state.adding:
        access.record_channels_before(instance)


@receiver(pre_save, sender=Unit)
def unit_changes(instance: Unit, update_fields=None, **kwargs) -> None:
    """Tell a unit's people that it becomes inactive."""
    if not instance._state.adding:
        unit_closing.tell_if_saved_as_inactive(instance, update_fields)


@receiver(units_close)
def units_are_closed(units: Iterable[Unit], **kwargs) -> None:
    """Tell the people of units that become inactive by one UPDATE."""
    unit_closing.tell(units)


@of_structures(post_save, post_delete)
def structure_changed(instance: Model, **kwargs) -> None:
    """Have everybody's streams authorised again, and revoke what was lost."""
    changes.of_everybodys_access()
    access.settle_after(instance)


@receiver(m2m_changed, sender=Unit.benefits.through)
def handling_changed(instance: Unit | BenefitType, action: str, **kwargs) -> None:
    """Follow up on a change of the benefits that a unit handles."""
    match action:
        case "pre_remove" | "pre_clear":
            access.record_channels_before(instance)
        case "post_add" | "post_remove" | "post_clear":
            changes.of_everybodys_access()
            access.settle_after(instance)
