"""Limit how often somebody may try to log in, on the site's page or the admin's."""

import functools
import hashlib
import math
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from notificacao import audit, rates
from notificacao.conf import conf
from notificacao.denials import Denials
from notificacao.hashing import TooManyLogins
from notificacao.models import AuditEvent, Person
from notificacao.rates import Rate

_denials = Denials(AuditEvent.Action.LOGIN_FAILED)


def throttled(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return `view`, which logs in at POST, answering 429 with Retry-After after too many attempts.

    Attempts are counted by user name and address, and, more generously, by address: a whole house may be behind one.
    Where so many log in at once that no turn comes in time, the answer is 503 with Retry-After.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        if wait := _take(request):
            note_failure(request.POST.get("username", ""), request, "throttled")
            return _wait_a_moment(request, "notificacao/aguarde.html", math.ceil(wait), 429)
        try:
            answer = view(request, *args, **kwargs)
        except TooManyLogins as error:
            return _wait_a_moment(request, "notificacao/aguarde_vez.html", error.retry_after, 503)
        if answer.status_code == 302 and request.user.is_authenticated:
            audit.record(AuditEvent.Action.LOGGED_IN, who=request.user.public_id, ip=audit.address_of(request))
        return answer

    return guarded


def note_failure(name: str, request: HttpRequest | None, reason: str = "invalid_login") -> None:
    """Record a failed login in the audit trail, by the person's id.

    A name that belongs to no person is not kept: somebody may have typed a password there.
    """
    person = Person.objects.filter(username=name.strip()).only("public_id").first()
    ip = audit.address_of(request) if request else None
    _denials.record(who=person.public_id if person else "", ip=ip, reason=reason)


def _take(request: HttpRequest) -> float:
    """Return the seconds to wait. The name is hashed: now and then somebody types a password there."""
    address = audit.address_of(request) or ""
    name = hashlib.sha256(request.POST.get("username", "").strip().lower().encode()).hexdigest()
    return max(
        rates.take_many(
            [
                (f"login:{address}:{name}", Rate(*conf.RATE_LOGIN)),
                (f"login:{address}", Rate(*conf.RATE_LOGIN_ADDRESS)),
            ]
        )
    )


def _wait_a_moment(request: HttpRequest, template: str, seconds: int, status: int) -> HttpResponse:
    """Return the page that says how many seconds to wait."""
    answer = render(request, template, {"seconds": seconds}, status=status)
    answer["Retry-After"] = seconds
    answer["Cache-Control"] = "no-store"
    return answer
