"""Claims: rows under a lease, settled by whoever holds it."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notificacao.dispatcher import claims
from notificacao.dispatcher.orchestrator import NOBODY_ON_ABLY, PUBLISHED, Outcome
from notificacao.models import DispatcherLease, DispatchState, Notification
from tests.plans import plan_of
from tests.rows import let_leases_run_out, write, write_stamped
from tests.waiting import PATIENCE

TERM = 7


@pytest.fixture(autouse=True)
def leader(db):
    DispatcherLease.objects.update(term=TERM)


def seqs(rows):
    return [row.seq for row in rows]


def test_rows_are_claimed_in_the_order_of_their_seqs_whatever_their_ids():
    for seq in (3, 1, 2):
        write_stamped(seq)
    lease, rows = claims.claim(TERM)
    assert seqs(rows) == [1, 2, 3]
    assert lease
    assert {row.lease for row in rows} == {lease}


def test_a_claim_counts_an_attempt_and_ends_after_the_settings_length(settings):
    settings.DISPATCH_LEASE = 40.0
    write_stamped(1)
    _, [row] = claims.claim(TERM)
    assert row.attempts == 1
    left = (row.lease_until - timezone.now()).total_seconds()
    assert 38 < left < 42


@pytest.mark.postgres
def test_however_many_rows_wait_those_of_a_batch_are_found_once():
    write_stamped(1)
    with CaptureQueriesContext(connection) as asked:
        lease, [row] = claims.claim(TERM)
        claims.settle({lease: {row.pk: PUBLISHED}})
    writes = [query["sql"] for query in asked if f"UPDATE {claims.ROWS} " in query["sql"]]
    assert len(writes) == 2
    for plan in map(plan_of, writes):
        assert "Semi Join" not in plan
        assert "Index Cond: (id = ANY (" in plan
        assert "LockRows" in plan


def test_with_nothing_to_claim_there_is_no_lease():
    assert claims.claim(TERM) == ("", [])


def test_rows_without_a_seq_and_settled_rows_are_not_claimed():
    write("system:notifications")
    for seq, state in enumerate((DispatchState.PUBLISHED, DispatchState.FAILED, DispatchState.SKIPPED), start=1):
        write_stamped(seq, dispatch_state=state)
    assert claims.claim(TERM) == ("", [])


def test_leased_rows_are_not_claimed_again_while_the_lease_lasts():
    write_stamped(1)
    claims.claim(TERM)
    write_stamped(2)
    _, rows = claims.claim(TERM)
    assert seqs(rows) == [2]
    assert claims.claim(TERM) == ("", [])


def test_rows_whose_lease_is_over_are_claimed_again_under_another():
    write_stamped(1)
    first, _ = claims.claim(TERM)
    let_leases_run_out()
    second, [row] = claims.claim(TERM)
    assert second != first
    assert (row.lease, row.attempts) == (second, 2)


def test_a_lease_ends_by_the_databases_clock(settings):
    settings.DISPATCH_LEASE = 0.05
    write_stamped(1)
    first, _ = claims.claim(TERM)
    again, deadline = "", time.monotonic() + PATIENCE
    while not again:
        assert time.monotonic() < deadline
        again, _ = claims.claim(TERM)
    assert again != first


def test_a_claim_has_a_limit_and_takes_the_oldest(monkeypatch):
    monkeypatch.setattr(claims, "BATCH", 2)
    for seq in (1, 2, 3):
        write_stamped(seq)
    assert [seqs(claims.claim(TERM)[1]) for _ in range(3)] == [[1, 2], [3], []]


def test_settling_writes_each_rows_outcome_and_gives_the_leases_back():
    for seq in (1, 2, 3):
        write_stamped(seq)
    lease, rows = claims.claim(TERM)
    outcomes = [PUBLISHED, Outcome(DispatchState.FAILED, "503: away"), NOBODY_ON_ABLY]
    assert claims.settle({lease: {row.pk: outcome for row, outcome in zip(rows, outcomes, strict=True)}}) == 3
    settled = Notification.objects.order_by("seq")
    assert [(row.dispatch_state, row.error) for row in settled] == [
        ("published", ""),
        ("failed", "503: away"),
        ("skipped", ""),
    ]
    assert {(row.lease, row.lease_until) for row in settled} == {("", None)}
    assert all(row.settled_at is not None for row in settled)


def test_settled_rows_are_never_claimed_again():
    write_stamped(1)
    lease, [row] = claims.claim(TERM)
    claims.settle({lease: {row.pk: PUBLISHED}})
    assert claims.claim(TERM) == ("", [])


def test_a_holder_whose_lease_went_to_another_settles_nothing():
    write_stamped(1)
    slow, [row] = claims.claim(TERM)
    let_leases_run_out()
    quick, _ = claims.claim(TERM)
    assert claims.settle({slow: {row.pk: Outcome(DispatchState.FAILED, "late")}}) == 0
    row.refresh_from_db()
    assert (row.dispatch_state, row.lease, row.error) == ("pending", quick, "")
    assert claims.settle({quick: {row.pk: PUBLISHED}}) == 1


def test_a_holder_that_was_late_still_settles_what_nobody_else_took():
    write_stamped(1)
    lease, [row] = claims.claim(TERM)
    let_leases_run_out()
    assert claims.settle({lease: {row.pk: PUBLISHED}}) == 1


def test_a_row_is_settled_once():
    write_stamped(1)
    lease, [row] = claims.claim(TERM)
    assert claims.settle({lease: {row.pk: PUBLISHED}}) == 1
    assert claims.settle({lease: {row.pk: Outcome(DispatchState.FAILED, "again")}}) == 0
    row.refresh_from_db()
    assert (row.dispatch_state, row.error) == ("published", "")


def test_rows_that_the_outcomes_do_not_name_stay_claimed():
    for seq in (1, 2):
        write_stamped(seq)
    lease, [first, second] = claims.claim(TERM)
    claims.settle({lease: {first.pk: PUBLISHED}})
    second.refresh_from_db()
    assert (second.dispatch_state, second.lease) == ("pending", lease)


def test_a_long_error_is_cut_to_its_column():
    write_stamped(1)
    lease, [row] = claims.claim(TERM)
    claims.settle({lease: {row.pk: Outcome(DispatchState.FAILED, "é" * 299 + "ab")}})
    row.refresh_from_db()
    assert row.error == "é" * 299 + "a"


def test_what_was_held_in_an_earlier_term_is_claimed_at_once():
    write_stamped(1)
    frozen, [row] = claims.claim(TERM)
    DispatcherLease.objects.update(term=TERM + 1)
    lease, [again] = claims.claim(TERM + 1)
    assert (again.pk, again.public_id) == (row.pk, row.public_id)
    assert claims.settle({frozen: {row.pk: PUBLISHED}}) == 0, "whoever thaws settles nothing"
    assert claims.settle({lease: {row.pk: PUBLISHED}}) == 1


def test_a_leader_whose_term_is_over_claims_nothing():
    write_stamped(1)
    DispatcherLease.objects.update(term=TERM + 1)
    assert claims.claim(TERM) == ("", [])
    assert Notification.objects.values_list("lease", "attempts").get() == ("", 0)


def test_a_row_that_nobody_brings_to_an_end_is_parked_as_failed_and_holds_up_no_other():
    bad = write_stamped(1)
    for _ in range(claims.ATTEMPTS):
        claims.claim(TERM)
        let_leases_run_out()
    good = write_stamped(2)
    _, rows = claims.claim(TERM)
    assert [row.pk for row in rows] == [good.pk]
    bad.refresh_from_db()
    assert (bad.dispatch_state, bad.lease, bad.lease_until) == ("failed", "", None)
    assert (bad.attempts, bad.error) == (10, "retirada 10 vezes, sem desfecho")
    assert bad.settled_at is not None


def test_failed_rows_are_sent_again_under_the_same_id_and_claimed_like_new_ones():
    row = write_stamped(1)
    lease, _ = claims.claim(TERM)
    claims.settle({lease: {row.pk: Outcome(DispatchState.FAILED, "503: away")}})
    assert claims.send_again([row.pk]) == 1
    _, [again] = claims.claim(TERM)
    assert (again.public_id, again.seq, again.attempts) == (row.public_id, 1, 1)
    assert (again.dispatch_state, again.error, again.settled_at) == ("pending", "", None)


@pytest.mark.parametrize("state", sorted(set(DispatchState) - {DispatchState.FAILED}))
def test_rows_that_did_not_fail_are_not_sent_again(state):
    row = write_stamped(1, dispatch_state=state, lease="dispatcher", error="por quê")
    assert claims.send_again([row.pk]) == 0
    row.refresh_from_db()
    assert (row.dispatch_state, row.lease, row.error) == (state, "dispatcher", "por quê")


def test_failed_rows_that_are_not_named_stay_failed():
    named, other = (write_stamped(seq, dispatch_state=DispatchState.FAILED) for seq in (1, 2))
    assert claims.send_again(Notification.objects.filter(pk=named.pk).values("pk")) == 1
    other.refresh_from_db()
    assert other.dispatch_state == "failed"
