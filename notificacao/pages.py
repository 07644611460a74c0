"""The pages that staff see."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from notificacao.api.session import describe
from notificacao.models import Kind, Priority
from notificacao.reading import Reader

FIRST_PAINT = 30  # notifications


@login_required
@never_cache
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """The inbox, readable without JavaScript. Its position is read before its list: what comes after is news."""
    session = describe(request.user, request.session.session_key or "")
    reader = Reader(request.user)
    entries = reader.entries(reader.inbox().order_by("-seq")[:FIRST_PAINT])
    page = {
        "person": session.person,
        "login_word": session.login,
        "position": session.position,
        "first_paint": FIRST_PAINT,
        "kinds": dict(Kind.choices),
        "priorities": dict(Priority.choices),
        "sdk": static("ably/ably.min.js"),
        "login": reverse("login"),
    }
    context = {"entries": entries, "unread": session.unread, "first_paint": FIRST_PAINT, "page": page}
    return render(request, "notificacao/inbox.html", context)


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="inbox"), name="home"),
    path(
        "entrar/",
        LoginView.as_view(template_name="notificacao/entrar.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("sair/", LogoutView.as_view(), name="logout"),
    path("notificacoes/", inbox, name="inbox"),
]
