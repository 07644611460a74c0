"""Show the inbox and its archive, with filters, as the browser first paints it."""

from itertools import groupby
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from rest_framework.request import Request

from notificacao import reading, texts
from notificacao.api.notifications import NewestFirst
from notificacao.api.problems import Problem
from notificacao.api.session import describe
from notificacao.api.shapes import Session
from notificacao.eventlog import Cursor
from notificacao.models import Kind, Person, Priority
from notificacao.pages import question, words
from notificacao.pages.lines import Line, lines_of
from notificacao.pages.places import names_of
from notificacao.reading import Filter, InvalidFilter, Reader

NO_ID = UUID(int=0)  # stands for a notification's in an address that the script completes


@login_required
@never_cache
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Show what the address asks for, newest first.

    The position is read before the list: what comes after it is news.
    """
    session = describe(request.user, request.session.session_key or "")
    reader = Reader(request.user)
    places = names_of(reader.channels)
    try:
        wanted = Filter.of(request.GET)
        lines, older = _page(request, reader, wanted, places)
    except (InvalidFilter, Problem):  # the address was typed by hand, or is old
        return redirect("inbox")
    is_first = "page" not in request.GET
    context = {
        "days": [(day, list(of_day)) for day, of_day in groupby(lines, key=lambda line: line.day)],
        "older": older,
        "newest": _newest(request),
        "is_first": is_first,
        "wanted": wanted,
        "unread": session.unread,
        "kinds": Kind.choices,
        "priorities": Priority.choices,
        "places": sorted(places.items(), key=lambda place: place[1].casefold()),
        "position": session.position,
        "readable": _readable(request.user, session, wanted),
        "filter": _without_page(request),
        "here": request.get_full_path(),
        "question": question.shown_to(request.user) if is_first and not wanted.archived else None,
        "page": _for_the_script(session, places),
    }
    return render(request, "notificacao/inbox.html", context)


def _page(request: HttpRequest, reader: Reader, wanted: Filter, places: dict[str, str]) -> tuple[list[Line], str]:
    """Return the page's lines, and the query of the next older page, or nothing. The cursor is the API's.

    Raises Problem where the cursor is not valid.
    """
    pages = NewestFirst()
    rows = pages.paginate_queryset(reader.inbox(wanted), Request(request))
    older = pages.get_next_link()
    return lines_of(reader.entries(rows or []), places), urlsplit(older).query if older else ""


def _readable(person: Person, session: Session, wanted: Filter) -> int:
    """Return how many unread notifications this list has, on all its pages."""
    if not wanted.narrows and not wanted.archived:
        return session.unread
    return reading.count_unread(person, Cursor.parse(session.position), wanted)


def _newest(request: HttpRequest) -> str:
    """Return the address of the first page of this list."""
    query = _without_page(request)
    return f"{request.path}?{query}" if query else request.path


def _without_page(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()


def _for_the_script(session, places: dict[str, str]) -> dict:
    return {
        "person": session.person,
        "login_word": session.login,
        "position": session.position,
        "language": get_language(),
        "time_zone": settings.TIME_ZONE,
        "places": places,
        "kinds": dict(Kind.choices),
        "priorities": dict(Priority.choices),
        "sdk": static("ably/ably.min.js"),
        "login": reverse("login"),
        "inbox": reverse("inbox"),
        "hosts": texts.our_hosts(),  # those to which a link may lead
        "notification": reverse("notification", args=[NO_ID]),
        "words": words.catalogue(get_language()),
    }
