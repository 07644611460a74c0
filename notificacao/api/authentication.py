"""The site's own login. Anonymous callers get 401: Ably's SDK gives up for good at a 403."""

from drf_spectacular.authentication import SessionScheme
from rest_framework.authentication import SessionAuthentication

from notificacao.login_word import HEADER, is_of_login


class SiteSession(SessionAuthentication):
    def authenticate(self, request):
        """Nobody, to a page of another login: what it asks for, and does, is that person's matter."""
        if not is_of_login(request.headers.get(HEADER, ""), request.session.session_key or ""):
            return None
        return super().authenticate(request)

    def authenticate_header(self, request) -> str:
        """What makes DRF answer 401 instead of 403."""
        return "Session"


class SiteSessionScheme(SessionScheme):
    """How the OpenAPI document names it."""

    target_class = SiteSession
