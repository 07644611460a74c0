"""Serve `/api/v1/notifications/` to people: catch-up after a cursor, the inbox, and the reading state."""

import re
import uuid
from collections.abc import Callable

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import exceptions
from rest_framework.decorators import api_view
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from notificacao import eventlog, metrics, reading
from notificacao.api import shapes
from notificacao.api.problems import NOT_FOUND, Problem
from notificacao.eventlog import Cursor, InvalidCursor, ResyncNeeded
from notificacao.models import Kind, Person, Priority
from notificacao.reading import Filter, InvalidFilter, NotFound, Reader

CATCH_UP_DEFAULT = 100
CATCH_UP_MAX = 500
_NUMBER = re.compile(r"[0-9]{1,9}")


class NewestFirst(CursorPagination):
    """Page by seq, newest first (keyset): what arrives meanwhile shifts nothing."""

    ordering = "-seq"
    cursor_query_param = "page"
    page_size_query_param = "page_size"
    page_size = 30
    max_page_size = 100

    def decode_cursor(self, request: Request):
        """Refuse a position that is no number, which DRF would pass on to the query. Raises Problem 400."""
        try:
            cursor = super().decode_cursor(request)
            if cursor and cursor.position is not None:
                int(cursor.position)
        except (exceptions.NotFound, ValueError):
            raise Problem(400, "invalid_cursor", _("page: use o cursor de `next`, tal como veio.")) from None
        return cursor


_OF_A_LIST = [
    OpenApiParameter("channel", str, description="Only this channel."),
    OpenApiParameter("kind", str, many=True, enum=Kind.values, description="Inbox: only these."),
    OpenApiParameter("priority", str, many=True, enum=Priority.values, description="Inbox: only these."),
    OpenApiParameter("unread", bool, description="Inbox: only what is not read."),
    OpenApiParameter("archived", bool, description="Inbox: what was archived, instead of what was not."),
    OpenApiParameter("q", str, description="Inbox: has each of these words; accents and case do not matter."),
]
_PARAMETERS = [
    OpenApiParameter("after", str, description="epoch.seq: catch up from there, ascending. Without it: the inbox."),
    OpenApiParameter("limit", int, description=f"Catch-up only: 1 to {CATCH_UP_MAX}, else {CATCH_UP_DEFAULT}."),
    OpenApiParameter("page", str, description="Inbox: the cursor of `next`."),
    OpenApiParameter("page_size", int, description="Inbox: 1 to 100, else 30."),
    *_OF_A_LIST,
]


_PAGE = PolymorphicProxySerializer("NotificationsPage", [shapes.CatchUp, shapes.Inbox], None)


described = extend_schema(
    parameters=_PARAMETERS,
    responses={200: _PAGE, 400: shapes.ProblemDetails, 410: shapes.ResyncProblem},
    tags=["notifications"],
)


def look(request: Request) -> Response:
    """Return the catch-up after the cursor `after` where the request names one, else a page of the inbox."""
    reader = Reader(request.user)
    return _catch_up(request, reader) if "after" in request.query_params else _inbox(request, reader)


def _catch_up(request: Request, reader: Reader) -> Response:
    channels = reader.channels
    if only := request.query_params.get("channel"):
        channels = {name: since for name, since in channels.items() if name == only}
    try:
        page = eventlog.read_after(_cursor(request.query_params["after"]), channels, _limit(request))
    except ResyncNeeded as resync:
        raise _resync(resync) from None
    metrics.CATCH_UPS.inc()
    return Response(
        {
            "results": _as_json(reader, page.rows),
            "complete_to": str(page.complete_to),
            "more": page.more,
        },
        headers={"Cache-Control": "no-store"},
    )


def _inbox(request: Request, reader: Reader) -> Response:
    pages = NewestFirst()
    rows = pages.paginate_queryset(reader.inbox(_filter(request)), request)
    return pages.get_paginated_response(_as_json(reader, rows or []))


def _as_json(reader: Reader, rows) -> list[dict]:
    return [shapes.InboxNotification.of_entry(entry) for entry in reader.entries(rows)]


def _resync(resync: ResyncNeeded) -> Problem:
    metrics.RESYNCS.labels(resync.reason).inc()
    detail = _("O registro não responde a partir deste cursor: recarregue a caixa de entrada.")
    return Problem(410, "resync", detail, position=str(resync.position))


def _cursor(text: str) -> Cursor:
    try:
        return Cursor.parse(text)
    except InvalidCursor as error:
        raise Problem(400, "invalid_cursor", str(error)) from None


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(CATCH_UP_DEFAULT))
    if not (_NUMBER.fullmatch(text) and 1 <= int(text) <= CATCH_UP_MAX):
        raise Problem(400, "invalid", _("limit: use um número de 1 a %(most)d.") % {"most": CATCH_UP_MAX})
    return int(text)


def _filter(request: Request) -> Filter:
    try:
        return Filter.of(request.query_params)
    except InvalidFilter as error:
        raise Problem(400, "invalid", str(error)) from None


# --- Reading state: each answer carries the new count, and streams bring it to the person's other tabs.


def _act(request: Request, public_id: uuid.UUID, act: Callable[[Person, uuid.UUID], int]) -> Response:
    try:
        return Response({"unread": act(request.user, public_id)})
    except NotFound:
        raise Problem(404, *NOT_FOUND) from None


_changes = extend_schema(
    request=None, responses={200: shapes.Counts, 404: shapes.ProblemDetails}, tags=["reading state"]
)


@_changes
@api_view(["POST"])
def read(request: Request, public_id: uuid.UUID) -> Response:
    """Mark as read."""
    return _act(request, public_id, reading.mark_read)


@_changes
@api_view(["POST"])
def unread(request: Request, public_id: uuid.UUID) -> Response:
    """Mark as not read."""
    return _act(request, public_id, reading.mark_unread)


@_changes
@api_view(["POST"])
def archive(request: Request, public_id: uuid.UUID) -> Response:
    """Take out of the inbox."""
    return _act(request, public_id, reading.archive)


@_changes
@api_view(["POST"])
def unarchive(request: Request, public_id: uuid.UUID) -> Response:
    """Bring back into the inbox; unread where it had left by its age."""
    return _act(request, public_id, reading.unarchive)


@_changes
@api_view(["POST"])
def acknowledge(request: Request, public_id: uuid.UUID) -> Response:
    """Formal acknowledgement (ciência), on record."""
    return _act(request, public_id, reading.acknowledge)


@extend_schema(
    methods=["GET"],
    parameters=[*_OF_A_LIST, OpenApiParameter("up_to", str, description="epoch.seq; without it, now.")],
    responses={200: shapes.Unread, 400: shapes.ProblemDetails},
    tags=["reading state"],
)
@extend_schema(
    methods=["POST"],
    parameters=_OF_A_LIST,
    request=shapes.ReadAll,
    responses={200: shapes.Marked, 400: shapes.ProblemDetails, 410: shapes.ResyncProblem},
    tags=["reading state"],
)
@api_view(["GET", "POST"])
def read_all(request: Request) -> Response:
    """Mark what the list shows up to `up_to` as read (POST), or tell how many that would be (GET).

    The list is that of the parameters, as in the inbox; without any, the inbox itself. Of a list that they narrow it is
    the newest 5,000 at most.
    """
    wanted = _filter(request)
    if request.method == "GET":
        up_to = _position(request.query_params.get("up_to"))
        return Response({"count": reading.count_unread(request.user, up_to, wanted)})
    up_to = _position(shapes.parse(shapes.ReadAll, request.data).up_to)
    try:
        marked = reading.mark_all_read(request.user, up_to, wanted)
    except ResyncNeeded as resync:
        raise _resync(resync) from None
    return Response({"unread": marked.unread, "marked": marked.marked, "undo": marked.undo.isoformat()})


@extend_schema(request=shapes.UndoReadAll, responses={200: shapes.Counts}, tags=["reading state"])
@api_view(["POST"])
def undo_read_all(request: Request) -> Response:
    """Make unread again what one call of `read-all` marked; what was read by another act since stays read."""
    asked = shapes.parse(shapes.UndoReadAll, request.data)
    return Response({"unread": reading.undo_marking(request.user, asked.undo)})


def _position(text: str | None) -> Cursor:
    return eventlog.position() if text is None else _cursor(text)
