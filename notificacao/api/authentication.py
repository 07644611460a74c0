"""The site's own login. Anonymous callers get 401: Ably's SDK gives up for good at a 403."""

from drf_spectacular.authentication import SessionScheme
from rest_framework.authentication import SessionAuthentication


class SiteSession(SessionAuthentication):
    def authenticate_header(self, request) -> str:
        """What makes DRF answer 401 instead of 403."""
        return "Session"


class SiteSessionScheme(SessionScheme):
    """How the OpenAPI document names it."""

    target_class = SiteSession
