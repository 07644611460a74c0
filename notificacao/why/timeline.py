"""Put into one order what is on record of a notification and a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from notificacao import alerts
from notificacao.models import DispatchState, Receipt
from notificacao.why.facts import Audience, Facts


@dataclass(frozen=True)
class Step:
    """Hold one thing that happened `at` a moment, in pt-BR."""

    at: datetime
    text: str


def of(facts: Facts) -> list[Step]:
    """Return what is on record, the oldest first."""
    return sorted((*_of_the_row(facts), *_of_the_person(facts), *_around(facts)), key=lambda step: step.at)


def _of_the_row(facts: Facts) -> Iterator[Step]:
    row = facts.row
    by = row.producer or row.created_by
    yield Step(row.created_at, f"Escrita{f' por {by}' if by else ''}, para {facts.recipient}.")
    if row.stamped_at:
        yield Step(row.stamped_at, f"Registrada com o nº {row.seq}: começa a ser entregue por SSE.")
    if row.settled_at:
        attempts = f"{row.attempts} tentativa{'' if row.attempts == 1 else 's'}"
        error = f": {row.error}" if row.error else ""
        yield Step(row.settled_at, f"{DispatchState(row.dispatch_state).label} ({attempts}){error}.")
    if row.expires_at:
        yield Step(row.expires_at, "Expira." if row.expires_at > facts.now else "Expirou.")


def _of_the_person(facts: Facts) -> Iterator[Step]:
    if facts.since:
        yield Step(facts.since, f"Passou a receber de {facts.recipient}.")
    if facts.ended_at and facts.audience is not Audience.IN:
        yield Step(facts.ended_at, f"Deixou de receber de {facts.recipient}.")
    if facts.assigned is not None and facts.row.stamped_at:
        arm = "no Ably" if facts.assigned else "por SSE"
        breaker = {"open": ", disjuntor aberto", "half_open": ", disjuntor em teste"}.get(facts.breaker, "")
        yield Step(facts.row.stamped_at, f"Pela transição ({facts.percent:g}%) a pessoa estava {arm}{breaker}.")
    for span in facts.spans:
        pages = span.live + span.standby
        where = f" ({span.browsers})" if span.browsers else ""
        many = "" if pages == 1 else "s"
        lanes = f"{span.live} por SSE, {span.standby} no Ably"
        yield Step(span.since, f"{pages} página{many} aberta{many}{where}: {lanes}.")
        if span.until:
            yield Step(span.until, "Mudou ou fechou.")
    yield from _of_the_receipt(facts.receipt)


def _of_the_receipt(receipt: Receipt | None) -> Iterator[Step]:
    if receipt is None:
        return
    if receipt.delivered_at:
        way = Receipt.Transport(receipt.transport).label
        yield Step(receipt.delivered_at, f"Entregue por {way}, {receipt.latency_ms} ms depois do registro.")
    for at, text in (
        (receipt.read_at, "Lida."),
        (receipt.formally_acknowledged_at, "Ciência dada."),
        (receipt.archived_at, "Arquivada."),
    ):
        if at:
            yield Step(at, text)


def _around(facts: Facts) -> Iterator[Step]:
    for event in (*facts.tokens, *facts.refusals):
        yield Step(event.at, f"{event.get_action_display()}{f': {event.reason}' if event.reason else ''}.")
    for alert in facts.alerts:
        title = alerts.DEFINITIONS[alert.name].title
        yield Step(alert.opened_at, f"Alerta aberto: {title}.")
        if alert.closed_at:
            yield Step(alert.closed_at, f"Alerta encerrado: {title}.")
