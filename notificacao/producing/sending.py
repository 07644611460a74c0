"""Send a producer's request: all of it or nothing."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from notificacao import audit, idempotency, services
from notificacao.content import InvalidNotification, Notice
from notificacao.database import in_one_transaction
from notificacao.models import AuditEvent, ProducerKey
from notificacao.producing import orders as asked_for
from notificacao.producing import scope
from notificacao.producing.directory import Directory
from notificacao.producing.faults import Fault, Faulty
from notificacao.producing.orders import EventOrder, Order

ROWS_MAX = 5_000  # recipients of one request


def send(key: ProducerKey, asked: list[Any], *, ip: str | None, idempotency_key: str = "") -> tuple[list[dict], bool]:
    """Send what is `asked`, parsed JSON, and return `(results, whether they are those of an earlier request)`.

    There is one result for each notification, in their order: `{"event_id": …, "ids": […]}`. `ip` is for the audit
    trail. Raises Faulty; with `idempotency_key` also idempotency.OtherRequest and UnderWay.

    What is asked is checked before the transaction begins, since on SQLite nobody else writes while it lasts. Whoever
    is deleted in between is named by a second look.
    """
    who = key.producer.who
    if idempotency_key and (kept := idempotency.kept_answer(who, idempotency_key, asked)):
        return kept, True
    for last in (False, True):
        act = partial(_send, key, _notices(key, asked), ip)
        try:
            if idempotency_key:
                return idempotency.once(who, idempotency_key, asked, act)
            return in_one_transaction(act)(), False
        except InvalidNotification:
            if last:
                raise
    raise AssertionError


def _send(key: ProducerKey, notices: list[Notice], ip: str | None) -> list[dict]:
    rows = iter(services.notify_many(notices, producer=key.producer))
    sent = [[next(rows) for _ in notice.channels] for notice in notices]
    audit.record(
        AuditEvent.Action.PRODUCER_SENT,
        who=key.producer.who,
        ip=ip,
        key=key.prefix,
        notifications=len(sent),
        rows=sum(map(len, sent)),
    )
    return [{"event_id": str(rows[0].event_id), "ids": [str(row.public_id) for row in rows]} for rows in sent]


def _notices(key: ProducerKey, asked: list[Any]) -> list[Notice]:
    """Return a notice for each order. Raises Faulty, with all faults of one kind: shape, scope, recipients."""
    orders = asked_for.parse(asked)
    if beyond := [fault for index, one in enumerate(orders) for fault in scope.beyond(key.producer, index, one)]:
        raise Faulty(beyond)
    _count(orders)
    directory = Directory(key.producer, orders)
    notices, faults = [], []
    for index, order in enumerate(orders):
        try:
            notices.append(directory.notice(index, order))
        except Faulty as faulty:
            faults += faulty.faults
    if faults:
        raise Faulty(faults)
    return notices


def _count(orders: list[Order | EventOrder]) -> None:
    """Check that all orders name ROWS_MAX recipients at most. Raises Faulty."""
    total = 0
    for index, one in enumerate(orders):
        total += sum(_named(one))
        if total > ROWS_MAX:
            sentence = f"mais de {ROWS_MAX} destinatários em um pedido: divida-o"
            raise Faulty([Fault(index, "recipients", "too_many_recipients", sentence)])


def _named(order: Order | EventOrder) -> Iterator[int]:
    if isinstance(order, Order):
        yield from map(len, (order.recipients.people, order.recipients.units, order.recipients.benefits))
