"""Check an order against its producer's scope, before anybody is looked up."""

from collections.abc import Iterator

from notificacao.catalogue.notices import EVENTS
from notificacao.models import Producer
from notificacao.producing.faults import Fault
from notificacao.producing.orders import EventOrder, Order

CODE = "not_in_scope"


def beyond(producer: Producer, index: int, order: Order | EventOrder) -> Iterator[Fault]:
    """Yield a fault for each part of `order`, the request's `index`th from 0, that this producer may not send."""
    if isinstance(order, EventOrder):
        if order.event not in EVENTS:
            yield Fault(index, "event", "unknown_event", f"o catálogo não tem o evento {order.event!r}")
        elif order.event not in producer.events:
            yield Fault(index, "event", CODE, "este sistema não pode enviar este evento")
        return
    if order.kind not in producer.kinds:
        yield Fault(index, "kind", CODE, "este sistema não pode enviar notificações deste tipo")
    may = {
        "people": producer.to_people,
        "units": producer.to_units,
        "benefits": producer.to_benefits,
        "everybody": producer.to_everybody,
    }
    for field, allowed in may.items():
        if getattr(order.recipients, field) and not allowed:
            yield Fault(index, f"recipients.{field}", CODE, "este sistema não pode enviar a estes destinatários")
