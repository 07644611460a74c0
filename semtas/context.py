"""Give templates what concerns the whole site."""

from django.http import HttpRequest

from semtas import __version__


def version(request: HttpRequest) -> dict[str, str]:
    """Return which version serves this page."""
    return {"semtas_version": __version__}
