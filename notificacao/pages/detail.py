"""Show one notification whole; opening it marks it as read."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from notificacao import reading
from notificacao.denials import put_on_record
from notificacao.pages.lines import exact, lines_of
from notificacao.pages.places import name_of, names_of
from notificacao.reading import NotFound, Reader


@login_required
@never_cache
@require_safe
def detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show the event of the notification `public_id`, or a page with 404 where the person may see none."""
    reader = Reader(request.user)
    try:
        rows = reader.event_of(public_id)
    except NotFound:
        put_on_record(request, "not_found")
        return render(request, "notificacao/gone.html", status=404)
    places = names_of(row.channel for row in rows)
    (line,) = lines_of(reader.entries(rows[:1]), places)
    if _is_opened(request) and not line.entry.read:
        reading.mark_read(request.user, public_id)
    at = line.entry.acknowledged_at
    context = {
        "line": line,
        "places": [name_of(row.channel, places) for row in rows],
        "acknowledged": exact(timezone.localtime(at)) if at else "",
        "unread": reading.unread_of(request.user),
        "here": request.get_full_path(),
    }
    return render(request, "notificacao/detail.html", context)


def _is_opened(request: HttpRequest) -> bool:
    """Return whether a person opened the page, and not a browser that reads ahead."""
    return request.method == "GET" and "prefetch" not in request.headers.get("Sec-Purpose", "")
