"""Limit how often somebody may try to log in, on the site's page or the admin's."""

import contextlib
import functools
import hashlib
import math
from collections.abc import Callable

from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from notificacao import audit, hashing, rates
from notificacao.conf import conf
from notificacao.denials import Denials
from notificacao.hashing import TooManyLogins
from notificacao.models import AuditEvent, Person
from notificacao.rates import Rate

_denials = Denials(AuditEvent.Action.LOGIN_FAILED)


def throttled(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return `view`, which logs in at POST, answering 429 with Retry-After after too many attempts.

    Attempts are counted by user name and address, and, more generously, by address: a whole house may be behind one.
    Where too many wait already the attempt is not counted: TooManyLogins is raised, as by the hasher.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        if hashing.too_many():
            raise TooManyLogins
        if wait := _take(request):
            note_failure(request.POST.get("username", ""), request, "throttled")
            return _too_many_requests(request, math.ceil(wait))
        answer = view(request, *args, **kwargs)
        if answer.status_code == 302 and request.user.is_authenticated:
            audit.record(AuditEvent.Action.LOGGED_IN, who=request.user.public_id, ip=audit.address_of(request))
        return answer

    return guarded


def note_failure(name: str, request: HttpRequest | None, reason: str = "invalid_login") -> None:
    """Record a failed login in the audit trail, by the person's id.

    A name that belongs to no person is not kept: somebody may have typed a password there.
    """
    person = _person(name)
    ip = audit.address_of(request) if request else None
    _denials.record(who=person.public_id if person else "", ip=ip, reason=reason)


def even_out(name: str) -> None:
    """Hash by the way that the failed login of `name` was not hashed by, while some passwords are older than Argon2id.

    Else the time that a refusal takes would tell who is somebody, and who has not logged in since.
    """
    older = "pbkdf2_sha256"
    person = _person(name)
    with contextlib.suppress(TooManyLogins):  # the login was refused already, and is on record
        if person and person.password.startswith(older):
            make_password("")
        elif Person.objects.filter(password__startswith=older).exists():
            make_password("", hasher=older)


def _person(name: str) -> Person | None:
    if "\x00" in name:  # PostgreSQL takes no such text, not even to look for it
        return None
    return Person.objects.filter(username=name.strip()).only("public_id", "password").first()


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


def _too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    """Return the page that says how many seconds to wait."""
    answer = render(request, "notificacao/aguarde.html", {"seconds": seconds}, status=429)
    answer["Retry-After"] = seconds
    answer["Cache-Control"] = "no-store"
    return answer
