"""Django's signals, turned into wakes. No logic lives here; the polls find what signals miss."""

from django.contrib.sessions.models import Session
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from notificacao import access, wakes
from notificacao.models import BenefitType, BreakerState, Membership, Notification, Person, RolloutFlag, Unit


@receiver(post_save, sender=Notification)
def wake_the_dispatcher(**kwargs) -> None:
    wakes.after_commit(wakes.DISPATCHER)


@receiver([post_save, post_delete], sender=RolloutFlag)
@receiver(post_save, sender=BreakerState)
def tell_who_publishes_and_who_streams(**kwargs) -> None:
    wakes.after_commit(wakes.DISPATCHER)
    wakes.after_commit(wakes.HUBS)


@receiver([post_save, post_delete], sender=Membership)
def membership_changed(instance: Membership, **kwargs) -> None:
    access.touch([instance.person_id])


@receiver(post_save, sender=Person)
def person_changed(instance: Person, created: bool, update_fields, **kwargs) -> None:
    if not created and set(update_fields or ()) != {"last_login"}:
        access.touch([instance.pk])


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **kwargs) -> None:
    access.touch_owner(instance)


@receiver([post_save, post_delete], sender=Unit)
@receiver([post_save, post_delete], sender=BenefitType)
@receiver(m2m_changed, sender=Unit.benefits.through)
def structure_changed(**kwargs) -> None:
    access.touch_everybody_with_a_role()
