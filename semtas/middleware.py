"""What every request goes through, of our own.

Under ASGI each middleware that could run either way is taken to a thread by itself, twice a request.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_only_middleware
from django_structlog.middlewares import RequestMiddleware

_NOT_NEEDED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")


class RequestLog(RequestMiddleware):
    """Without the query: what somebody searched for may be a name."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


@sync_only_middleware
def permissions_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """No page needs any of these devices, nor anything that it might embed."""
    policy = ", ".join(f"{feature}=()" for feature in _NOT_NEEDED)

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Permissions-Policy"] = policy
        return response

    return answer


@sync_only_middleware
def in_one_thread(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Does nothing but be there, last: all that stands before it runs in one go, on the thread of the view."""
    return get_response
