"""Turn a business event in a matter into the notification to send."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.utils import timezone

from notificacao import audiences
from notificacao.catalogue.events import EVENTS, Event, Recipient
from notificacao.content import InvalidNotification, Notice
from notificacao.models import BenefitType, Person, Priority, Role, Unit

__all__ = ["EVENTS", "Event", "Matter", "Recipient", "UnknownEvent", "holding", "notice_for"]


class UnknownEvent(KeyError):
    """Tell that the catalogue has no such event, and which it has."""

    def __str__(self) -> str:
        return self.args[0]


@dataclass(frozen=True)
class Matter:
    """Describe what an event is about: one request and those who act in it. For what is absent nobody is notified.

    `days_left` and `hours_left` count down to a deadline, days first where both are given; `days_over` counts up.
    """

    protocol: str = ""
    unit: Unit | None = None
    benefit: BenefitType | None = None
    tecnico: Person | None = None
    aprovador: Person | None = None
    liberador: Person | None = None
    requester: Person | None = None
    pendencia_author: Person | None = None
    court_order: bool = False
    days_left: int | None = None
    hours_left: int | None = None
    days_over: int = 0
    moment: datetime | None = None


def holding(*roles: Role, unit: Unit | None = None) -> list[Person]:
    """Return those who hold one of `roles` in `unit`, or without a unit where that is None, by pk."""
    found = Person.objects.filter(memberships__role__in=roles, memberships__unit=unit)
    return list(found.distinct().order_by("pk"))


def notice_for(event_name: str, matter: Matter, who_holds: Callable[..., list[Person]] = holding) -> Notice:
    """Return the notification of `event_name` in `matter`, for `services.notify_many`.

    `who_holds` is `holding`, or the same with a cache, for callers with many matters.
    Raises UnknownEvent; InvalidNotification where nobody is to be notified, or the text needs what `matter` lacks.
    """
    event = _event(event_name)
    channels = tuple(dict.fromkeys(_channels(event, matter, who_holds)))
    if not channels:
        raise InvalidNotification({"channels": f"{event_name}: não há ninguém a notificar"})
    words = _words(matter)
    return Notice.of(
        channels=channels,
        kind=event.kind.value,
        priority=_priority(event, matter).value,
        title=_fill(event.title, words),
        message=_fill(event.message, words),
        link=_fill(event.link, words | {"protocol": quote(matter.protocol, safe="")}),
        data={"event": event_name} | ({"protocol": matter.protocol} if matter.protocol else {}),
    )


def _event(name: str) -> Event:
    try:
        return EVENTS[name]
    except KeyError:
        raise UnknownEvent(f"O catálogo não tem o evento {name!r}: use um de {', '.join(EVENTS)}.") from None


def _priority(event: Event, matter: Matter) -> Priority:
    if not matter.court_order or event.court_priority is None:
        return event.priority
    if event.court_after_days is not None and matter.days_over <= event.court_after_days:
        return event.priority
    return event.court_priority


def _channels(event: Event, matter: Matter, who_holds: Callable[..., list[Person]]) -> Iterable[str]:
    """Yield the channels in the order of `Recipient`, so that the same matter always gives the same notification."""
    for recipient in Recipient:
        if recipient in event.recipients:
            yield from _channels_of(recipient, matter, who_holds)


def _channels_of(recipient: Recipient, matter: Matter, who_holds: Callable[..., list[Person]]) -> Iterable[str]:
    match recipient:
        case Recipient.TODOS:
            return [audiences.SYSTEM_CHANNEL]
        case Recipient.UNIDADE:
            return [audiences.channel_for_unit(matter.unit)] if matter.unit else []
        case Recipient.BENEFICIO:
            return [audiences.channel_for_benefit(matter.benefit)] if matter.benefit else []
        case Recipient.COORDENACAO:
            return _personal(who_holds(Role.COORDENADOR, unit=matter.unit)) if matter.unit else []
        case Recipient.ADMINISTRADORES_E_AUDITORES:
            return _personal(who_holds(Role.ADMIN, Role.AUDITOR))
    person = {
        Recipient.TECNICO: matter.tecnico,
        Recipient.APROVADOR: matter.aprovador,
        Recipient.LIBERADOR: matter.liberador,
        Recipient.SOLICITANTE: matter.requester,
        Recipient.AUTOR_PENDENCIA: matter.pendencia_author,
    }[recipient]
    return _personal([person] if person else [])


def _personal(people: Iterable[Person]) -> list[str]:
    """Return the personal channels of those people who may still log in."""
    return [audiences.channel_for_user(person) for person in people if person.is_active]


def _words(matter: Matter) -> dict[str, str]:
    """Return `{name: text}` of what the templates may name, without what the matter lacks."""
    words = {
        "protocol": matter.protocol,
        "unit": matter.unit.code if matter.unit else "",
        "benefit": matter.benefit.name if matter.benefit else "",
        "left": _left(matter),
        "over": f"há {_counted(matter.days_over, 'dia')}" if matter.days_over > 0 else "hoje",
        "moment": f"{timezone.localtime(matter.moment):%d/%m às %H:%M}" if matter.moment else "",
    }
    return {name: word for name, word in words.items() if word}


def _left(matter: Matter) -> str:
    if matter.days_left is not None:
        return f"em {_counted(matter.days_left, 'dia')}" if matter.days_left > 0 else "hoje"
    if matter.hours_left is not None:
        return f"em {_counted(matter.hours_left, 'hora')}" if matter.hours_left > 0 else "agora"
    return ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _fill(template: str, words: dict[str, str]) -> str:
    try:
        return template.format_map(words)
    except KeyError as missing:
        raise InvalidNotification({missing.args[0]: "falta preencher: o texto do evento precisa disto"}) from None
