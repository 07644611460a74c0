"""Under ASGI each middleware that could run either way is taken to a thread by itself, twice a request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_only_middleware


@sync_only_middleware
def in_one_thread(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Does nothing but be there, last: all that stands before it runs in one go, on the thread of the view."""
    return get_response
