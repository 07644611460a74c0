"""Notify the administrators of the system itself, each on their own channel, in the caller's transaction."""

from typing import Any

from django.utils import timezone

from notificacao import audiences, eventlog, services
from notificacao.alerts.definitions import DEFINITIONS, runbook
from notificacao.catalogue.notices import holding
from notificacao.content import MESSAGE_MAX, Notice
from notificacao.models import Alert, Kind, Priority, Role

# They are not in the catalogue, of whose events other systems may be allowed to send some.
OPENED = "sistema.alerta_aberto"
CLOSED = "sistema.alerta_encerrado"


def tell_admins(title: str, message: str, priority: Priority, link: str = "", **data: Any) -> int:
    """Notify everybody who holds ADMIN and may log in; return how many they are. Raises InvalidNotification.

    A message that is too long is cut.
    """
    channels = tuple(audiences.channel_for_user(person) for person in holding(Role.ADMIN) if person.is_active)
    if channels:
        notice = Notice.of(
            channels=channels,
            title=title,
            message=message[:MESSAGE_MAX],
            kind=Kind.ALERTA.value,
            priority=priority.value,
            link=link,
            data=data,
        )
        services.notify_many([notice])
    return len(channels)


def is_about_the_system(data: Any) -> bool:
    """Tell whether a notification with this `data` tells of an alert: it may be of Ably, and does not wait for it."""
    return isinstance(data, dict) and data.get("event") in (OPENED, CLOSED)


def tell_opened(alert: Alert) -> int:
    """Tell that `alert` was opened, and what to do; return how many people were told."""
    about = DEFINITIONS[alert.name]
    message = f"{alert.detail} {about.advice}".strip()
    return tell_admins(
        about.title, message, about.priority, runbook(alert.name), event=OPENED, alert=alert.name, about=alert.about
    )


def tell_closed(alert: Alert) -> int:
    """Tell that `alert` is over, and how long it lasted; return how many people were told."""
    since, now = timezone.localtime(alert.opened_at), eventlog.now()
    minutes = max(1, round((now - since).total_seconds() / 60))
    message = f"Começou em {since:%d/%m às %H:%M} e durou {_lasted(minutes)}. {alert.detail}".strip()
    return tell_admins(
        f"Resolvido: {DEFINITIONS[alert.name].title}",
        message,
        Priority.NORMAL,
        runbook(alert.name),
        event=CLOSED,
        alert=alert.name,
        about=alert.about,
    )


def _lasted(minutes: int) -> str:
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
