"""Claims and outcomes of two sessions over one row: who comes second looks again at what the first has made of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from notificacao.dispatcher import claims
from notificacao.dispatcher.orchestrator import PUBLISHED
from notificacao.models import DispatcherLease
from tests.rows import let_leases_run_out, write_stamped

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

TERM = 7


@pytest.fixture
def row(transactional_db):
    DispatcherLease.objects.update(term=TERM)
    return write_stamped(1)


@pytest.fixture
def both():
    """`both(mine, theirs)`: what each answers, where another session begins `theirs` before `mine` is committed."""

    def work(mine, theirs):
        with transaction.atomic():
            my_answer = mine()
            their_answer = thread.submit(theirs)
            with connection.cursor() as cursor:
                while cursor.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is None:
                    assert not their_answer.done(), their_answer.result()
        return my_answer, their_answer.result()

    with ThreadPoolExecutor(1) as thread:
        yield work
        thread.submit(connections.close_all).result()


def claim():
    return claims.claim(TERM)


def test_who_settles_late_writes_nothing_over_a_claim(row, both):
    late, _ = claim()
    let_leases_run_out()
    (lease, _), settled = both(claim, lambda: claims.settle({late: {row.pk: PUBLISHED}}))
    assert settled == 0
    row.refresh_from_db()
    assert (row.dispatch_state, row.lease) == ("pending", lease)


def test_the_next_leader_does_not_claim_what_is_just_settled(row, both):
    lease, _ = claim()
    DispatcherLease.objects.update(term=TERM + 1)
    settled, claimed = both(lambda: claims.settle({lease: {row.pk: PUBLISHED}}), lambda: claims.claim(TERM + 1))
    assert (settled, claimed) == (1, ("", []))
    row.refresh_from_db()
    assert (row.dispatch_state, row.attempts) == ("published", 1)


def test_a_row_is_claimed_once_in_a_term_whoever_else_is_at_it(row, both):
    (lease, _), claimed = both(claim, claim)
    assert claimed == ("", [])
    row.refresh_from_db()
    assert (row.lease, row.attempts) == (lease, 1)
