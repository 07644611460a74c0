"""Revoke Ably's tokens: each request for that is a row, written with the change that calls for it."""

import hashlib
import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F
from django.db.models.functions import Now

from notificacao import eventlog, wakes
from notificacao.conf import conf
from notificacao.models import Revocation

TARGETS_MAX = 100  # targets in one call: Ably's limit
_OUTLIVED = timedelta(hours=1)  # the longest life of a token that Ably can revoke, and how far back it looks
_LONGEST_PAUSE = 60  # seconds between two attempts


def revocation_key(session_key: str) -> str:
    """Return the revocation key of one login, so that a logout revokes what that login was given.

    The session's key cannot be read from it.
    """
    return hashlib.sha256(f"revocation:{session_key}".encode()).hexdigest()[:32]


def of_login(session_key: str) -> str:
    """Return the target that covers every token of one login."""
    return f"revocationKey:{revocation_key(session_key)}"


def of_person(client_id: str) -> str:
    """Return the target that covers every token of one person."""
    return f"clientId:{client_id}"


def ask(targets: Iterable[str], reason: str) -> None:
    """Have the tokens of `targets` revoked once this transaction is committed.

    Nothing happens where Ably's key cannot revoke tokens.
    """
    if not (conf.ably_configured and conf.ABLY_KEY_REVOCABLE):
        return
    Revocation.objects.bulk_create(Revocation(target=target, reason=reason) for target in targets)
    wakes.after_commit(wakes.REVOCATIONS)


def blocked_until(targets: Iterable[str]) -> float:
    """Return the time from which on a token for `targets` is not among those revoked: seconds since 1970, or 0.

    A JWT tells whole seconds: what is issued in the second of a revocation would be revoked with the rest.
    """
    revoked = Revocation.objects.filter(target__in=list(targets), issued_before__isnull=False)
    last = revoked.order_by("-issued_before").values_list("issued_before", flat=True).first()
    return math.ceil(last / 1000) if last else 0


def due() -> list[Revocation]:
    """Return what one call to Ably can do now: rows of one `issued_before`, at most `TARGETS_MAX`.

    Rows that are seen for the first time get theirs here.
    """
    to_do = Revocation.objects.filter(done_at=None, try_at__lte=Now())
    if not to_do.exists():
        return []
    now = eventlog.now()
    Revocation.objects.filter(created_at__lt=now - _OUTLIVED).delete()
    _set_issued_before(list(to_do.filter(issued_before=None)), now)
    first = to_do.order_by("try_at", "pk").first()
    return list(to_do.filter(issued_before=first.issued_before).order_by("pk")[:TARGETS_MAX]) if first else []


def _set_issued_before(rows: list[Revocation], now: datetime) -> None:
    """Set `issued_before` to now: tokens are issued later from here on, and none from before is given again."""
    moment = int(now.timestamp() * 1000)
    Revocation.objects.filter(pk__in=[row.pk for row in rows]).update(issued_before=moment)


def done(rows: Iterable[Revocation]) -> None:
    """Settle `rows`, which Ably took."""
    taken = Revocation.objects.filter(pk__in=[row.pk for row in rows])
    taken.update(done_at=Now(), attempts=F("attempts") + 1, error="")


def failed(rows: Iterable[Revocation], error: str) -> None:
    """Have `rows` tried again, ever more rarely, until their tokens have expired by themselves."""
    now = eventlog.now()
    for row in rows:
        pause = timedelta(seconds=min(_LONGEST_PAUSE, 2**row.attempts))
        Revocation.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1, try_at=now + pause, error=error[:300])
