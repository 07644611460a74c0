"""Receipts: each notification's first one counts, of what the person may see."""

import random
import uuid
from datetime import timedelta

from django.utils import timezone

from notificacao import audiences, metrics, receipts
from notificacao.models import Notification, Receipt
from notificacao.receipts import Delivery
from tests.rows import write
from tests.stamping import stamp_all


def fill(*channels, age_ms=0, **fields):
    """Rows that were stamped `age_ms` ago."""
    rows = [write(channel, **fields) for channel in channels]
    stamp_all()
    stamped_at = timezone.now() - timedelta(milliseconds=age_ms)
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(stamped_at=stamped_at)
    return rows


def deliver(person, *rows, transport="sse", held_ms=0):
    return receipts.record(person, [Delivery(row.public_id, transport, held_ms) for row in rows])


def delivered(transport):
    return metrics.DELIVERED.labels(transport)._value.get()


def test_a_receipt_says_when_and_by_what_a_notification_was_delivered(ana, of_ana):
    (row,) = fill(of_ana)
    assert deliver(ana, row, transport="ably") == 1
    receipt = Receipt.objects.get()
    assert (receipt.person, receipt.notification, receipt.transport) == (ana, row, "ably")
    assert abs(receipt.delivered_at - timezone.now()) < timedelta(minutes=1)
    assert receipt.read is None


def test_only_the_first_receipt_counts(ana, of_ana):
    (row,) = fill(of_ana, age_ms=5_000)
    before = delivered("sse"), delivered("rest")
    assert deliver(ana, row, transport="sse") == 1
    first = Receipt.objects.get()
    assert deliver(ana, row, transport="rest", held_ms=4_000) == 0
    again = Receipt.objects.get()
    assert (again.delivered_at, again.transport, again.latency_ms) == (
        first.delivered_at,
        "sse",
        first.latency_ms,
    )
    assert (delivered("sse"), delivered("rest")) == (before[0] + 1, before[1])


def test_the_same_notification_twice_in_one_call_is_one_receipt(ana, of_ana):
    (row,) = fill(of_ana)
    assert deliver(ana, row, row) == 1
    assert Receipt.objects.count() == 1


def test_each_person_has_a_receipt_of_their_own(ana, bia, norte):
    (row,) = fill(norte)
    assert (deliver(ana, row), deliver(bia, row)) == (1, 1)
    assert Receipt.objects.count() == 2


def test_latency_runs_from_the_stamp_and_leaves_out_what_the_browser_held_back(ana, of_ana):
    at_once, held = fill(of_ana, of_ana, age_ms=60_000)
    deliver(ana, at_once)
    deliver(ana, held, held_ms=50_000)
    latency = dict(Receipt.objects.values_list("notification", "latency_ms"))
    assert 60_000 <= latency[at_once.pk] < 90_000
    assert 10_000 <= latency[held.pk] < 40_000


def test_latency_is_never_negative(ana, of_ana):
    from_the_future = fill(of_ana, age_ms=-60_000)
    held_too_long = fill(of_ana)
    assert deliver(ana, *from_the_future, *held_too_long, held_ms=86_400_000) == 2
    assert set(Receipt.objects.values_list("latency_ms", flat=True)) == {0}


def test_what_is_not_theirs_or_is_unknown_is_passed_over_and_the_rest_is_kept(ana, caio, of_ana, cras_sul):
    theirs, other_unit, of_caio = fill(
        of_ana, audiences.channel_for_unit(cras_sul), audiences.channel_for_user(caio), age_ms=1
    )
    unstamped = write(of_ana)
    unknown = Notification(public_id=uuid.uuid4())
    assert deliver(ana, other_unit, of_caio, unstamped, unknown, theirs) == 1
    assert Receipt.objects.get().notification == theirs


def test_a_receipt_leaves_the_reading_state_as_it_was(ana, of_ana):
    (row,) = fill(of_ana)
    Receipt.objects.create(person=ana, notification=row, read=True, archived_at=timezone.now())
    assert deliver(ana, row) == 1
    receipt = Receipt.objects.get()
    assert (receipt.read, receipt.transport) == (True, "sse")
    assert receipt.archived_at is not None


def test_with_a_sample_of_0_shared_channels_leave_no_row_but_personal_ones_do(ana, of_ana, norte, settings):
    settings.RECEIPT_SHARED_SAMPLE = 0.0
    personal, _, _ = rows = fill(of_ana, norte, audiences.SYSTEM_CHANNEL)
    before = delivered("sse")
    assert deliver(ana, *rows) == 3
    assert Receipt.objects.get().notification == personal
    assert delivered("sse") == before + 3


def test_with_a_sample_of_1_every_receipt_is_kept(ana, of_ana, norte, settings):
    settings.RECEIPT_SHARED_SAMPLE = 1.0
    assert deliver(ana, *fill(of_ana, norte, audiences.SYSTEM_CHANNEL)) == 3
    assert Receipt.objects.count() == 3


def test_a_sample_between_keeps_that_share_of_the_shared_ones(ana, norte, settings, monkeypatch):
    settings.RECEIPT_SHARED_SAMPLE = 0.25
    monkeypatch.setattr(random, "random", random.Random(7).random)
    deliver(ana, *fill(*[norte] * 200))
    assert 30 <= Receipt.objects.count() <= 70


def test_the_number_of_queries_does_not_grow_with_the_receipts(ana, of_ana, django_assert_max_num_queries):
    rows = fill(*[of_ana] * 100)
    with django_assert_max_num_queries(8):
        assert deliver(ana, *rows) == 100


def test_of_no_delivery_nothing_is_recorded(ana):
    assert receipts.record(ana, []) == 0
    assert not Receipt.objects.exists()
