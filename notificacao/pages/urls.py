"""Route each page. Paths are in Portuguese; the names in a query are the API's."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from notificacao.login import throttled
from notificacao.pages import acts, detail, diagnosis, inbox, question, subject

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="inbox"), name="home"),
    path(
        "entrar/",
        throttled(LoginView.as_view(template_name="notificacao/entrar.html", redirect_authenticated_user=True)),
        name="login",
    ),
    path("sair/", LogoutView.as_view(), name="logout"),
    path("idioma/", set_language, name="language"),
    path("solicitacoes/<slug:protocol>/", subject.subject, name="subject"),
    path("notificacoes/", inbox.inbox, name="inbox"),
    path("notificacoes/diagnostico/", diagnosis.page, name="diagnosis"),
    path("notificacoes/todas-lidas/", acts.read_all, name="page-read-all"),
    path("notificacoes/todas-lidas/desfazer/", acts.undo_read_all, name="page-undo-read-all"),
    path("notificacoes/pergunta/", question.answer, name="page-question"),
    path("notificacoes/<uuid:public_id>/", detail.detail, name="notification"),
    path("notificacoes/<uuid:public_id>/<slug:word>/", acts.act, name="page-act"),
]
