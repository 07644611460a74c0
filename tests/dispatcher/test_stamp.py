"""Stamping: order, chains of each channel, heads, and who may not stamp."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from notificacao import wakes
from notificacao.changes import of_access, of_keys
from notificacao.dispatcher import changes, lease, stamp
from notificacao.models import Channel, DispatcherLease, LogHead, Notification, StreamChange
from notificacao.stamped import opened
from tests.rows import write


@pytest.fixture
def term(db):
    return lease.hold("stamper", None)


def stamped():
    return list(Notification.objects.exclude(seq=None).order_by("seq").values_list("seq", "prev_seq", "channel"))


def head():
    return LogHead.objects.get(pk=1).seq


def test_with_nothing_to_stamp_it_answers_zero_after_one_query(term, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert len(stamp.stamp(term)) == 0
    assert head() == 0


def test_rows_get_their_seqs_in_the_order_of_their_ids(term):
    rows = [write("system:notifications") for _ in range(5)]
    assert len(stamp.stamp(term)) == 5
    assert list(Notification.objects.order_by("pk").values_list("pk", "seq")) == [
        (row.pk, seq) for seq, row in enumerate(rows, start=1)
    ]


def test_prev_seq_chains_each_channel_on_its_own(term):
    for channel in ("a", "b", "a", "a", "b"):
        write(channel)
    stamp.stamp(term)
    assert stamped() == [(1, 0, "a"), (2, 0, "b"), (3, 1, "a"), (4, 3, "a"), (5, 2, "b")]


def test_the_chain_goes_on_over_batches(term):
    write("a")
    write("b")
    stamp.stamp(term)
    write("b")
    write("a")
    stamp.stamp(term)
    assert stamped() == [(1, 0, "a"), (2, 0, "b"), (3, 2, "b"), (4, 1, "a")]


def test_the_heads_of_the_log_and_of_its_channels_are_the_last_seqs_given(term):
    for channel in ("a", "b", "a"):
        write(channel)
    stamp.stamp(term)
    assert head() == 3
    assert dict(Channel.objects.values_list("name", "head")) == {"a": 3, "b": 2}


def test_stamping_leaves_the_key_epoch_of_a_channel_alone(term):
    Channel.objects.create(name="a", head=0, key_epoch=7)
    write("a")
    stamp.stamp(term)
    assert Channel.objects.values_list("head", "key_epoch").get(pk="a") == (1, 7)


def test_the_moment_of_stamping_is_the_databases_and_one_for_the_batch(term):
    before = timezone.now() - timedelta(seconds=1)
    for _ in range(3):
        write("a")
    stamp.stamp(term)
    moments = set(Notification.objects.values_list("stamped_at", flat=True))
    assert len(moments) == 1
    assert before < moments.pop() < timezone.now() + timedelta(seconds=1)


def test_a_batch_has_a_limit_and_the_next_one_goes_on_where_it_ended(term, monkeypatch):
    monkeypatch.setattr(stamp, "BATCH", 3)
    for _ in range(7):
        write("a")
    assert [len(stamp.stamp(term)) for _ in range(4)] == [3, 3, 1, 0]
    assert [seq for seq, _, _ in stamped()] == list(range(1, 8))
    assert [prev for _, prev, _ in stamped()] == list(range(7))


def test_the_number_of_queries_does_not_grow_with_the_rows(term, django_assert_max_num_queries):
    for _ in range(100):
        write("a")
    with django_assert_max_num_queries(10):
        assert len(stamp.stamp(term)) == 100


def test_rows_that_are_stamped_already_stay_untouched(term):
    write("a")
    stamp.stamp(term)
    before = Notification.objects.values().get()
    write("a")
    assert len(stamp.stamp(term)) == 1
    assert Notification.objects.values().get(seq=1) == before


def test_with_nobody_on_ably_the_stamp_itself_settles_as_skipped(term):
    write("a")
    stamp.stamp(term, skip=True)
    row = Notification.objects.get()
    assert (row.seq, row.dispatch_state, row.settled_at) == (1, "skipped", row.stamped_at)


def test_otherwise_the_rows_are_left_to_be_dispatched(term):
    write("a")
    stamp.stamp(term)
    assert Notification.objects.values_list("dispatch_state", "settled_at").get() == ("pending", None)


def test_a_lost_term_raises_and_writes_nothing(term):
    write("a")
    DispatcherLease.objects.update(until=timezone.now() - timedelta(seconds=1))
    later = lease.hold("another", None)
    with pytest.raises(stamp.LeadLost, match=f"term {term} is over"):
        stamp.stamp(term)
    assert stamped() == []
    assert head() == 0
    assert not Channel.objects.exists()
    assert len(stamp.stamp(later)) == 1


def test_rolled_back_rows_never_get_a_seq_and_leave_no_gap(term):
    write("a")
    with transaction.atomic():
        write("a", title="Desfeita")
        transaction.set_rollback(True)
    write("a")
    assert len(stamp.stamp(term)) == 2
    assert stamped() == [(1, 0, "a"), (2, 1, "a")]
    assert not Notification.objects.filter(title="Desfeita").exists()


def test_a_fault_while_numbering_rolls_the_whole_batch_back(term, monkeypatch):
    for _ in range(2):
        write("a")
    real = stamp._number

    def fail_at_last(*args):
        real(*args)
        raise DatabaseError

    with monkeypatch.context() as patch:
        patch.setattr(stamp, "_number", fail_at_last)
        with pytest.raises(DatabaseError):
            stamp.stamp(term)
    assert (stamped(), head()) == ([], 0)
    assert len(stamp.stamp(term)) == 2
    assert stamped() == [(1, 0, "a"), (2, 1, "a")]


def test_a_stale_save_of_an_instance_loaded_before_does_not_undo_the_stamp(term):
    write("a")
    stale = Notification.objects.get()
    stamp.stamp(term)
    stale.title = "Outro título"
    stale.save()
    row = Notification.objects.get()
    assert (row.seq, row.prev_seq, row.title) == (1, 0, "Outro título")
    assert row.stamped_at is not None


def test_a_stale_save_that_names_dispatch_columns_does_not_undo_the_stamp_either(term):
    write("a")
    stale = Notification.objects.get()
    stamp.stamp(term)
    stale.message = "Outra mensagem"
    stale.save(update_fields=["seq", "prev_seq", "stamped_at", "message"])
    row = Notification.objects.get()
    assert (row.seq, row.prev_seq, row.message) == (1, 0, "Outra mensagem")
    assert row.stamped_at is not None


def test_a_key_is_renewed_before_the_people_of_a_mass_change_have_their_numbers(term):
    for _ in range(2):
        of_access(range(1, changes.BATCH + 1))
    of_keys(["a"])
    assert list(changes.number(term)[1]) == ["a"]


def test_the_hubs_are_told_where_rows_lie_but_while_a_change_waits_for_its_number(term, monkeypatch):
    """Whoever lost access before they were stamped is to be known with them."""
    told = []
    monkeypatch.setattr(wakes, "wake", lambda topic, sealed=b"": told.append((topic, sealed)))
    write("a")
    before = stamp.stamp(term)
    assert changes.tell_of(before) is False
    StreamChange.objects.create(kind=StreamChange.Kind.ACCESS)
    write("b")
    assert changes.tell_of(stamp.stamp(term)) is True
    assert changes.number(term)[0] == 1
    write("c")
    after = stamp.stamp(term)
    assert changes.tell_of(after) is False
    assert changes.tell_of(stamp.stamp(term)) is False  # of nothing nobody is told
    (_, first), nothing, (_, last) = told
    assert opened(first) == (before, 0)
    assert nothing == (wakes.HUBS, b"")
    assert opened(last) == (after, 1)
    assert after.channels == ["c"]
