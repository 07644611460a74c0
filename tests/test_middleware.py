"""How a request goes through the middleware."""

import threading

from django.test import AsyncClient
from django.utils.deprecation import MiddlewareMixin


class Tells(MiddlewareMixin):
    """Stands between two others, and could run on the event loop as well."""

    threads: list[int] = []
    loop: list[bool] = []

    def __call__(self, request):
        type(self).loop.append(self.async_mode)
        return super().__call__(request)

    def process_request(self, request):
        type(self).threads.append(threading.get_ident())


async def test_under_asgi_the_middleware_runs_on_one_thread_and_not_piece_by_piece(settings):
    settings.MIDDLEWARE = [f"{__name__}.Tells", *settings.MIDDLEWARE[-2:]]
    assert (await AsyncClient().get("/health/live")).status_code == 200
    assert Tells.loop == [False]
    assert Tells.threads != [threading.get_ident()]
