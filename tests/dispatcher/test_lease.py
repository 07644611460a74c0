"""The leader's lease: one holder at a time, by the database's clock."""

from datetime import timedelta

import pytest
from django.utils import timezone

from notificacao.dispatcher import lease
from notificacao.models import DispatcherLease

pytestmark = pytest.mark.django_db


def let_it_run_out():
    DispatcherLease.objects.update(until=timezone.now() - timedelta(seconds=1))


def until():
    return DispatcherLease.objects.get(pk=1).until


def test_the_first_to_come_leads_in_the_first_term():
    assert lease.hold("a", None) == 1
    row = DispatcherLease.objects.get(pk=1)
    assert (row.holder, row.term) == ("a", 1)
    assert row.until > timezone.now()


def test_the_second_to_come_does_not_lead_while_the_first_does():
    lease.hold("a", None)
    assert lease.hold("b", None) is None
    assert DispatcherLease.objects.get(pk=1).holder == "a"


def test_the_leader_renews_without_a_new_term_and_for_the_whole_length():
    term = lease.hold("a", None)
    DispatcherLease.objects.update(until=timezone.now() + timedelta(milliseconds=300))
    assert lease.hold("a", term) == term
    assert until() > timezone.now() + lease.LENGTH - timedelta(milliseconds=500)


def test_a_lease_that_ran_out_goes_to_whoever_asks_in_a_new_term():
    lease.hold("a", None)
    let_it_run_out()
    assert lease.hold("b", None) == 2
    assert lease.keep(2)
    assert not lease.keep(1)


def test_a_leader_that_slept_past_the_end_learns_that_another_leads():
    term = lease.hold("a", None)
    let_it_run_out()
    lease.hold("b", None)
    assert lease.hold("a", term) is None
    assert DispatcherLease.objects.get(pk=1).holder == "b"


def test_a_leader_that_slept_while_nobody_else_came_goes_on_in_its_term():
    term = lease.hold("a", None)
    let_it_run_out()
    assert lease.hold("a", term) == term
    assert until() > timezone.now()


def test_a_term_is_never_given_twice():
    terms = []
    for holder in ("a", "b", "a", "b"):
        terms.append(lease.hold(holder, None))
        let_it_run_out()
    assert terms == [1, 2, 3, 4]


def test_a_holder_that_forgot_its_term_does_not_get_the_lease_before_its_end():
    lease.hold("a", None)
    assert lease.hold("a", None) is None
    let_it_run_out()
    assert lease.hold("a", None) == 2


def test_an_earlier_term_of_the_same_holder_renews_nothing():
    first = lease.hold("a", None)
    let_it_run_out()
    lease.hold("a", None)
    before = until()
    assert lease.hold("a", first) is None
    assert until() == before


def test_a_released_lease_is_free_at_once():
    lease.hold("a", None)
    lease.release("a")
    assert until() is None
    assert lease.hold("b", None) == 2


def test_only_the_holder_releases_the_lease():
    term = lease.hold("a", None)
    lease.release("b")
    assert lease.keep(term)
    assert until() > timezone.now()
    assert lease.hold("b", None) is None
