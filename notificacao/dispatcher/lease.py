"""Choose the leading dispatcher by a lease, on the database's clock.

A leader that slept past the end of its lease writes nothing.
"""

import contextlib
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from notificacao.database import wakeful
from notificacao.dispatcher.stamp import LeadLost
from notificacao.models import DispatcherLease

LENGTH = timedelta(seconds=2)
RENEW_EVERY = 0.5  # seconds


def hold(holder: str, term: int | None) -> int | None:
    """Return the term in which `holder` leads now, or None while another leads.

    The lease of `term` is renewed for `LENGTH`; a lease that is free or over is taken, with the next term.
    """
    row = DispatcherLease.objects.filter(pk=1)
    if term is not None and row.filter(holder=holder, term=term).update(until=Now() + LENGTH):
        return term
    free = row.filter(Q(until=None) | Q(until__lt=Now()))
    if not free.update(holder=holder, term=F("term") + 1, until=Now() + LENGTH):
        return None
    return row.filter(holder=holder).values_list("term", flat=True).first()


def keep(term: int) -> bool:
    """Return whether `term` is the current one; until the end of this transaction nobody else can take the lease."""
    return DispatcherLease.objects.select_for_update(no_key=True).filter(pk=1, term=term).first() is not None


@contextlib.contextmanager
def kept(term: int) -> Iterator[None]:
    """Begin a transaction in which `term` stays the current one. Raises LeadLost where it is over."""
    with wakeful():
        if not keep(term):
            raise LeadLost(f"term {term} is over")
        yield


def release(holder: str) -> None:
    """End the lease of `holder` at once, so that a standby need not wait for it."""
    DispatcherLease.objects.filter(pk=1, holder=holder).update(until=None)
