"""Show how far one notification came, live: whom it was for, who has it, read it, acknowledged it, and who lacks it."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from notificacao import audit, spreadsheet, texts
from notificacao.admin.csv_file import csv_file
from notificacao.models import AuditEvent, Notification, Receipt
from notificacao.reading import reach
from notificacao.reading.reach import Lacking

PER_PAGE = 100  # people
COLUMNS = ("pessoa", "usuário", "entregue em", "por", "latência (ms)", "lida", "lida em", "ciência em", "ainda recebe")
WORDS = {
    Lacking.DELIVERY: "Sem entrega confirmada",
    Lacking.READING: "Não leram",
    Lacking.ACKNOWLEDGEMENT: "Sem ciência",
}


def show(model_admin: ModelAdmin, request: HttpRequest, row: Notification, recipient: str) -> HttpResponse:
    """Show the page about `row`; with `part=state` only what changes by itself, with `as=csv` the people as a file."""
    if request.GET.get("as") == "csv":
        return _export(request, row)
    lacks = _lacks(request)
    people = reach.people_of(row)
    page = Paginator(reach.lacking(people, lacks) if lacks else people, PER_PAGE).get_page(request.GET.get("p"))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Alcance da notificação",
        "opts": model_admin.opts,
        "row": row,
        "recipient": recipient,
        "reached": reach.reached(row),
        "goal_ms": reach.GOAL_MS,
        "critical_ms": reach.CRITICAL_MS,
        "now": timezone.now(),
        "page": page,
        "transports": dict(Receipt.Transport.choices),
        "choices": [
            (what, WORDS[what])
            for what in Lacking
            if what is not Lacking.ACKNOWLEDGEMENT or row.asks_for_acknowledgement
        ],
        "lacks": lacks,
    }
    part = "_reach" if request.GET.get("part") == "state" else "reach"
    return TemplateResponse(request, f"admin/notificacao/notification/{part}.html", context)


def _lacks(request: HttpRequest) -> Lacking | None:
    """Return what the people on the page are to lack, None where all are asked for. Raises Http404."""
    try:
        return Lacking(asked) if (asked := request.GET.get("lacks", "")) else None
    except ValueError as unknown:
        raise Http404("Este filtro não existe.") from unknown


def _export(request: HttpRequest, row: Notification) -> HttpResponse:
    """Return the people of `row` as CSV, and record who took them away."""
    ip = audit.address_of(request)
    audit.record(AuditEvent.Action.REACH_EXPORTED, who=request.user.public_id, ip=ip, notification=str(row.public_id))
    return csv_file(f"alcance-{row.public_id}.csv", _lines(row))


def _lines(row: Notification) -> Iterator[str]:
    yield spreadsheet.line(COLUMNS)
    for person in reach.in_batches(row):
        yield spreadsheet.line(_cells(person))


def _cells(person: Any) -> list[str]:
    return [
        person.get_full_name(),
        person.username,
        _moment(person.delivered_at),
        Receipt.Transport(person.transport).label if person.transport else "",
        "" if person.latency_ms is None else str(person.latency_ms),
        "sim" if person.has_read else "não",
        _moment(person.read_at),
        _moment(person.acknowledged_at),
        "sim" if person.still_sees else "não",
    ]


def _moment(moment) -> str:
    return texts.to_the_second(moment) if moment else ""
