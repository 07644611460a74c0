"""Turn Django's signals into wakes and changes of access. No logic lives here; the polls find what signals miss."""

from django.contrib.auth.signals import user_login_failed
from django.contrib.sessions.models import Session
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import receiver

from notificacao import access, login, wakes
from notificacao.models import BenefitType, BreakerState, Membership, Notification, Person, RolloutFlag, Unit


@receiver(post_save, sender=Notification)
def wake_the_dispatcher(**kwargs) -> None:
    wakes.after_commit(wakes.DISPATCHER)


@receiver([post_save, post_delete], sender=RolloutFlag)
@receiver(post_save, sender=BreakerState)
def tell_who_publishes_and_who_streams(**kwargs) -> None:
    wakes.after_commit(wakes.DISPATCHER)
    wakes.after_commit(wakes.HUBS)


@receiver([pre_save, pre_delete], sender=Membership)
def membership_changes(instance: Membership, **kwargs) -> None:
    access.record_before(instance, Membership.objects.filter(pk=instance.pk).values_list("person_id", flat=True))


@receiver([post_save, post_delete], sender=Membership)
def membership_changed(instance: Membership, **kwargs) -> None:
    access.touch([instance.person_id])
    access.settle_after(instance)


@receiver([pre_save, pre_delete], sender=Person)
def person_changes(instance: Person, update_fields=None, **kwargs) -> None:
    if not instance._state.adding and set(update_fields or ()) != {"last_login"}:
        access.record_before(instance, [instance.pk])


@receiver(post_save, sender=Person)
def person_changed(instance: Person, created: bool, update_fields, **kwargs) -> None:
    if not created and set(update_fields or ()) != {"last_login"}:
        access.touch([instance.pk])
        access.settle_after(instance)


@receiver(post_delete, sender=Person)
def person_went(instance: Person, **kwargs) -> None:
    access.settle_after(instance)


@receiver(user_login_failed)
def login_failed(credentials, request=None, **kwargs) -> None:
    login.note_failure(credentials.get("username") or "", request)


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **kwargs) -> None:
    access.end_login(instance)


@receiver([pre_save, pre_delete], sender=Unit)
@receiver([pre_save, pre_delete], sender=BenefitType)
def structure_changes(instance: Unit | BenefitType, **kwargs) -> None:
    if not instance._state.adding:
        access.record_before(instance, access.everybody_with_a_role())


@receiver([post_save, post_delete], sender=Unit)
@receiver([post_save, post_delete], sender=BenefitType)
def structure_changed(instance: Unit | BenefitType, **kwargs) -> None:
    access.touch_everybody_with_a_role()
    access.settle_after(instance)


@receiver(m2m_changed, sender=Unit.benefits.through)
def handling_changed(instance: Unit | BenefitType, action: str, **kwargs) -> None:
    match action:
        case "pre_remove" | "pre_clear":
            access.record_before(instance, access.everybody_with_a_role())
        case "post_add" | "post_remove" | "post_clear":
            access.touch_everybody_with_a_role()
            access.settle_after(instance)
