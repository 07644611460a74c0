"""Map the site's addresses to its pages, health checks, API and admin; `asgi.py` maps the stream's."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path

from notificacao.api.problems import NothingHere

handler403 = "notificacao.pages.denied.denied"

urlpatterns = [
    path("", include("notificacao.pages.urls")),
    path("", include("notificacao.health")),
    path("api/v1/", include("notificacao.api.urls")),
    re_path("^api/", NothingHere.as_view()),
    path(settings.ADMIN_PATH, admin.site.urls),
]
