"""Define the project's own middleware, which every request goes through.

Each is `sync_only`: under ASGI each middleware that could run either way is taken to a thread by itself, twice a
request.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_only_middleware
from django_structlog.middlewares import RequestMiddleware

_NOT_NEEDED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")


class RequestLog(RequestMiddleware):
    """Log each request without its query string, since a search may be for a person's name."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Return the request's method and path."""
        return f"{request.method} {request.path}"


@sync_only_middleware
def permissions_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Deny pages, and all that they might embed, the devices that no page needs, by the header Permissions-Policy."""
    policy = ", ".join(f"{feature}=()" for feature in _NOT_NEEDED)

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Permissions-Policy"] = policy
        return response

    return answer


@sync_only_middleware
def in_one_thread(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return `get_response` as it is.

    As the last middleware it is synchronous, so all synchronous ones before it run in one go, on the view's thread.
    """
    return get_response
