"""The site's own login. Anonymous callers get 401: Ably's SDK gives up for good at a 403."""

from django.utils.translation import gettext as _
from drf_spectacular.authentication import SessionScheme
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied

from notificacao.login_word import HEADER, is_of_login


class SiteSession(SessionAuthentication):
    def authenticate(self, request):
        """Nobody, to a page of another login: what it asks for, and does, is that person's matter."""
        if not is_of_login(request.headers.get(HEADER, ""), request.session.session_key or ""):
            return None
        return super().authenticate(request)

    def enforce_csrf(self, request) -> None:
        """Raise PermissionDenied where the request does not come from a page of this site."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:  # Django's reason is English
            detail = _("O pedido não veio de uma página deste sistema: recarregue-a e tente de novo.")
            raise PermissionDenied(detail) from error

    def authenticate_header(self, request) -> str:
        """What makes DRF answer 401 instead of 403."""
        return "Session"


class SiteSessionScheme(SessionScheme):
    """How the OpenAPI document names it."""

    target_class = SiteSession
