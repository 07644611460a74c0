"""Show the API's document (OpenAPI) to whoever is logged in, or, by API_DOCS_PUBLIC, to everybody."""

import json
from typing import Any

from django.contrib.auth.views import redirect_to_login
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import IsAuthenticated

from notificacao.api.throttling import ReaderThrottle
from notificacao.conf import conf

READ_ONLY: dict[str, Any] = {"supportedSubmitMethods": []}  # of Swagger UI: those that may be tried out


class MayRead(IsAuthenticated):
    """Let everybody read where API_DOCS_PUBLIC is on, else whoever is logged in."""

    def has_permission(self, request, view) -> bool:
        """Tell whether the document is shown to `request`."""
        return conf.API_DOCS_PUBLIC or super().has_permission(request, view)


class Schema(SpectacularAPIView):
    """Answer with the document itself, the same to everybody."""

    permission_classes = [MayRead]
    throttle_classes = [ReaderThrottle]


class Page(SpectacularSwaggerSplitView):
    """Show the document as a page; without a login, and not public, lead to the login and back."""

    permission_classes = [MayRead]
    throttle_classes = [ReaderThrottle]
    url_name = "schema"
    template_name = "notificacao/api.html"

    def handle_exception(self, exc: Exception):
        """Lead a person without a login to the login page."""
        if isinstance(exc, NotAuthenticated) and self.request.method == "GET":
            return redirect_to_login(self.request.get_full_path())
        return super().handle_exception(exc)

    @extend_schema(exclude=True)
    def get(self, request, *args, **kwargs):
        """Return the page or its script; to a reader without a login it offers nothing to try out."""
        response = super().get(request, *args, **kwargs)
        if "settings" in response.data and not request.user.is_authenticated:
            response.data["settings"] = json.dumps(spectacular_settings.SWAGGER_UI_SETTINGS | READ_ONLY)
        return response
