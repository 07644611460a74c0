"""Carry out what a person does to their notifications with plain forms; the scripts use the API for the same."""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from notificacao import reading
from notificacao.denials import put_on_record
from notificacao.eventlog import Cursor, InvalidCursor, ResyncNeeded
from notificacao.reading import Filter, InvalidFilter, NotFound

ASK_ABOVE = 50  # notifications in one act
ACTS = {
    "lida": reading.mark_read,
    "nao-lida": reading.mark_unread,
    "arquivar": reading.archive,
    "desarquivar": reading.unarchive,
    "ciencia": reading.acknowledge,
}

View = Callable[..., HttpResponse]


def logged_in(view: View) -> View:
    """Send whoever is not logged in to the login and from there to the inbox: an address cannot send a form again."""

    @wraps(view)
    def guarded(request: HttpRequest, **kwargs) -> HttpResponse:
        return view(request, **kwargs) if request.user.is_authenticated else redirect_to_login(reverse("inbox"))

    return guarded


@require_POST
@logged_in
def act(request: HttpRequest, public_id: UUID, word: str) -> HttpResponse:
    """Do to one notification what the last word of the address says, and go back to where it was shown."""
    if word not in ACTS:
        raise Http404
    try:
        ACTS[word](request.user, public_id)
    except NotFound:
        put_on_record(request, "not_found")
        messages.error(request, gettext("Esta notificação não existe mais, ou não é sua."))
    return back(request, f"#n-{public_id}")


@require_POST
@logged_in
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark as read what the page showed: `filter` is its query, and `up_to` its position. Of many it is asked first."""
    try:
        wanted = Filter.of(QueryDict(request.POST.get("filter", "")))
        up_to = Cursor.parse(request.POST.get("up_to", ""))
        count = reading.count_unread(request.user, up_to, wanted)
        if count > ASK_ABOVE and "confirmed" not in request.POST:
            return render(request, "notificacao/confirmar.html", {"count": count, "back": _next(request)})
        marked = reading.mark_all_read(request.user, up_to, wanted)
    except (InvalidCursor, InvalidFilter, ResyncNeeded):
        messages.error(request, gettext("A lista mudou: confira-a e marque de novo."))
        return back(request)
    told = ngettext("%(count)d marcada como lida.", "%(count)d marcadas como lidas.", marked.marked)
    messages.success(request, told % {"count": marked.marked}, extra_tags=marked.undo.isoformat())
    return back(request)


@require_POST
@logged_in
def undo_read_all(request: HttpRequest) -> HttpResponse:
    """Make unread again what was marked at the moment `undo`."""
    try:
        reading.undo_marking(request.user, reading.parse_undo(request.POST.get("undo", "")))
    except ValueError:
        raise Http404 from None
    return back(request)


def back(request: HttpRequest, place: str = "") -> HttpResponse:
    """Redirect to the form's `next` where that is of this site, else to the inbox; `place` is an anchor in it."""
    return redirect(_next(request) + place)


def _next(request: HttpRequest) -> str:
    address = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())
    return address if allowed else reverse("inbox")
