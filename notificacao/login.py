"""Limit how often somebody may try to log in, on the site's page or the admin's."""

import contextlib
import functools
import hashlib
import math
import secrets
from collections.abc import Callable

from django.contrib.auth.hashers import make_password
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from notificacao import audit, hashing, rates
from notificacao.conf import conf
from notificacao.denials import Denials
from notificacao.hashing import TooManyLogins
from notificacao.models import AuditEvent, Person
from notificacao.rates import Rate

DEVICE_COOKIE = "aparelho"
_DEVICE_AGE = 180 * 86_400  # seconds
_PEOPLE_A_DEVICE = 5  # at one desk; whoever came last pushes out whoever was away longest

_denials = Denials(AuditEvent.Action.LOGIN_FAILED)


def throttled(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return `view`, which logs in at POST, answering 429 with Retry-After after too many attempts.

    Attempts are counted by user name, over all addresses, and, more generously, by address: a whole house may be behind
    one. Those on a browser where this person logged in before have a bucket of their own, whatever others try.
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
        before = request.session.session_key
        answer = view(request, *args, **kwargs)
        if request.user.is_authenticated and request.session.session_key != before:  # each login takes a new key
            audit.record(AuditEvent.Action.LOGGED_IN, who=request.user.public_id, ip=audit.address_of(request))
            _remember(request, answer)
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
    return Person.named(name).only("public_id", "password").first()


def _take(request: HttpRequest) -> float:
    """Return the seconds to wait. The name is hashed: now and then somebody types a password there.

    All spellings that the login takes for one name share a bucket, since equal texts stay equal when case is folded.
    """
    name = request.POST.get("username", "")
    if device := _device_of(request, name):
        return rates.take(f"login:device:{device}", Rate(*conf.RATE_LOGIN))
    folded = hashlib.sha256(Person.normalize_username(name.strip()).casefold().encode(errors="replace")).hexdigest()
    return max(
        rates.take_many(
            [
                (f"login:name:{folded}", Rate(*conf.RATE_LOGIN)),
                (f"login:{audit.address_of(request) or ''}", Rate(*conf.RATE_LOGIN_ADDRESS)),
            ]
        )
    )


def _devices_in(request: HttpRequest) -> list[str]:
    """Return the signed words of DEVICE_COOKIE, one for each person who logged in here, as the browser sends them."""
    return request.COOKIES.get(DEVICE_COOKIE, "")[:1_000].split("|")[:_PEOPLE_A_DEVICE]


def _device_of(request: HttpRequest, name: str) -> str | None:
    """Return this browser's id for the person called `name`; None where they never logged in here.

    Nobody is looked up for a browser without the cookie, and no password is hashed.
    """
    if DEVICE_COOKIE not in request.COOKIES:
        return None
    person = _person(name)
    return next(filter(None, (_opened(word, person) for word in _devices_in(request))), None) if person else None


def _signer_for(person: Person) -> signing.TimestampSigner:
    """Return the signer of one person with one password: with another password each of their browsers is new."""
    return signing.TimestampSigner(salt=f"notificacao.device:{person.public_id}:{person.password}")


def _opened(word: str, person: Person) -> str | None:
    """Return the id in `word`; None where it is forged, too old, or somebody else's."""
    try:
        return _signer_for(person).unsign(word, max_age=_DEVICE_AGE)
    except signing.BadSignature:
        return None


def _remember(request: HttpRequest, answer: HttpResponse) -> None:
    """Have the browser keep that `request.user` logged in here; the cookie names nobody."""
    person: Person = request.user  # type: ignore[assignment]
    others = [word for word in _devices_in(request) if word and not _opened(word, person)]
    words = [_signer_for(person).sign(secrets.token_urlsafe(12)), *others][:_PEOPLE_A_DEVICE]
    answer.set_cookie(
        DEVICE_COOKIE,
        "|".join(words),
        max_age=_DEVICE_AGE,
        path=conf.SESSION_COOKIE_PATH,
        httponly=True,
        samesite="Lax",
        secure=conf.SESSION_COOKIE_SECURE,
    )


def _too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    """Return the page that says how many seconds to wait."""
    answer = render(request, "notificacao/aguarde.html", {"seconds": seconds}, status=429)
    answer["Retry-After"] = seconds
    answer["Cache-Control"] = "no-store"
    return answer
