"""The pages that staff see."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from notificacao.api.session import describe
from notificacao.reading import Reader

FIRST_PAINT = 30  # notifications


@login_required
@never_cache
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """The inbox, readable without JavaScript. Its position is read before its list: what comes after is news."""
    session = describe(request.user)
    reader = Reader(request.user)
    entries = reader.entries(reader.inbox().order_by("-seq")[:FIRST_PAINT])
    page = {"position": session.position, "entries": entries, "unread": session.unread, "person": session.person}
    return render(request, "notificacao/inbox.html", page)


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
