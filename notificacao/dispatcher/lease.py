"""Who leads: a lease by the database's clock. A leader that slept past its end writes nothing."""

from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from notificacao.models import DispatcherLease

LENGTH = timedelta(seconds=2)
RENEW_EVERY = 0.5  # seconds


def hold(holder: str, term: int | None) -> int | None:
    """The term in which `holder` leads now: renewed, or taken where nobody leads; None while somebody else does."""
    row = DispatcherLease.objects.filter(pk=1)
    if term is not None and row.filter(holder=holder, term=term).update(until=Now() + LENGTH):
        return term
    free = row.filter(Q(until=None) | Q(until__lt=Now()))
    if not free.update(holder=holder, term=F("term") + 1, until=Now() + LENGTH):
        return None
    return row.filter(holder=holder).values_list("term", flat=True).first()


def keep(term: int) -> bool:
    """Whether `term` is the current one, and then until the end of this transaction: nobody can take the lease."""
    return DispatcherLease.objects.select_for_update(no_key=True).filter(pk=1, term=term).first() is not None


def release(holder: str) -> None:
    """End the lease at once, so that a standby need not wait for it."""
    DispatcherLease.objects.filter(pk=1, holder=holder).update(until=None)
