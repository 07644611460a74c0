"""Show the page "Diagnóstico": which link between the server and this browser is broken, and who can mend it.

The browser does all the measuring, over the calls that the inbox makes too; the page holds the sentences.
"""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from notificacao.conf import conf
from notificacao.pages.diagnosis_texts import COPIED, COPY_BY_HAND, LINKS, STATUSES, TEXTS, VERDICTS


@login_required
@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show each link as not yet looked at; the browser goes on from there."""
    data = {
        "heartbeat": conf.STREAM_HEARTBEAT,
        "sdk": static("ably/ably.min.js"),
        "links": LINKS,
        "statuses": STATUSES,
        "verdicts": VERDICTS,
        "texts": {code: text._asdict() for code, text in TEXTS.items()},
        "copied": COPIED,
        "copy_by_hand": COPY_BY_HAND,
    }
    return render(request, "notificacao/diagnostico.html", {"page": data})
