"""How often somebody may try to log in, on the site's page or the admin's."""

import functools
import hashlib
import math
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from notificacao import rates
from notificacao.conf import conf
from notificacao.rates import Rate


def throttled(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """`view` logs in at POST: 429 with Retry-After for who tries too often.

    By user name and address, and, more generously, by address: a whole house may be behind one.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        wait = _take(request) if request.method == "POST" else 0.0
        return _refusal(request, math.ceil(wait)) if wait else view(request, *args, **kwargs)

    return guarded


def _take(request: HttpRequest) -> float:
    """Seconds to wait. The name is hashed: now and then somebody types a password there."""
    address = request.META.get("REMOTE_ADDR", "")
    name = hashlib.sha256(request.POST.get("username", "").strip().lower().encode()).hexdigest()
    return max(
        rates.take_many(
            [
                (f"login:{address}:{name}", Rate(*conf.RATE_LOGIN)),
                (f"login:{address}", Rate(*conf.RATE_LOGIN_ADDRESS)),
            ]
        )
    )


def _refusal(request: HttpRequest, seconds: int) -> HttpResponse:
    answer = render(request, "notificacao/aguarde.html", {"seconds": seconds}, status=429)
    answer["Retry-After"] = seconds
    answer["Cache-Control"] = "no-store"
    return answer
