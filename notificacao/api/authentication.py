"""Authenticate callers of the API by the site's login.

Anonymous callers get 401: Ably's SDK gives up for good at a 403.
"""

from django.utils.translation import gettext as _
from drf_spectacular.authentication import SessionScheme
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied

from notificacao.login_word import HEADER, is_of_login


class SiteSession(SessionAuthentication):
    """Authenticate by Django's session."""

    def authenticate(self, request):
        """Return `(person, None)`, or None for a request without a login, or from a page of another login.

        What such a page asks for, and does, belongs to the person who opened it.
        """
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
        """Return the header that makes DRF answer 401 instead of 403."""
        return "Session"


class SiteSessionScheme(SessionScheme):
    """Name this authentication in the OpenAPI document."""

    target_class = SiteSession
