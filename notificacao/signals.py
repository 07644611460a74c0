"""Turn Django's signals into wakes and changes of access. No logic lives here; the polls find what signals miss."""

from django.contrib.auth.signals import user_login_failed
from django.contrib.sessions.models import Session
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import receiver

from notificacao import access, login, wakes
from notificacao.models import BenefitType, BreakerState, Membership, Notification, Person, RolloutFlag, Unit


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
def membership_changes(instance: Membership, **kwargs) -> None:
    """Record what the membership's person may receive before the change."""
    access.record_before(instance, Membership.objects.filter(pk=instance.pk).values_list("person_id", flat=True))


@receiver([post_save, post_delete], sender=Membership)
def membership_changed(instance: Membership, **kwargs) -> None:
    """Have the person's streams authorised again, and revoke what they lost."""
    access.touch([instance.person_id])
    access.settle_after(instance)


@receiver([pre_save, pre_delete], sender=Person)
def person_changes(instance: Person, update_fields=None, **kwargs) -> None:
    """Record what the person may receive before the change; a login alone changes nothing."""
    if not instance._state.adding and set(update_fields or ()) != {"last_login"}:
        access.record_before(instance, [instance.pk])


@receiver(post_save, sender=Person)
def person_changed(instance: Person, created: bool, update_fields, **kwargs) -> None:
    """Have the person's streams authorised again, and revoke what they lost; a login alone changes nothing."""
    if not created and set(update_fields or ()) != {"last_login"}:
        access.touch([instance.pk])
        access.settle_after(instance)


@receiver(post_delete, sender=Person)
def person_deleted(instance: Person, **kwargs) -> None:
    """Revoke the tokens of a person who was deleted."""
    access.settle_after(instance)


@receiver(user_login_failed)
def login_failed(credentials, request=None, **kwargs) -> None:
    """Record the failed login."""
    login.note_failure(credentials.get("username") or "", request)


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **kwargs) -> None:
    """End the streams of the login, and revoke its tokens."""
    access.end_login(instance)


@receiver([pre_save, pre_delete], sender=Unit)
@receiver([pre_save, pre_delete], sender=BenefitType)
def structure_changes(instance: Unit | BenefitType, **kwargs) -> None:
    """Record what everybody with a role may receive before a unit or a benefit changes."""
    if not instance._state.adding:
        access.record_before(instance, access.everybody_with_a_role())


@receiver([post_save, post_delete], sender=Unit)
@receiver([post_save, post_delete], sender=BenefitType)
def structure_changed(instance: Unit | BenefitType, **kwargs) -> None:
    """Have the streams of everybody with a role authorised again, and revoke what was lost."""
    access.touch_everybody_with_a_role()
    access.settle_after(instance)


@receiver(m2m_changed, sender=Unit.benefits.through)
def handling_changed(instance: Unit | BenefitType, action: str, **kwargs) -> None:
    """Follow up on a change of the benefits that a unit handles."""
    match action:
        case "pre_remove" | "pre_clear":
            access.record_before(instance, access.everybody_with_a_role())
        case "post_add" | "post_remove" | "post_clear":
            access.touch_everybody_with_a_role()
            access.settle_after(instance)
