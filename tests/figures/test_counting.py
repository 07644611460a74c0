"""Each minute is counted out of the tables: what was stamped, what became of it, and how fast it was received."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notificacao import audiences, presence
from notificacao.dispatcher import figures_round, lease
from notificacao.dispatcher.stamp import LeadLost
from notificacao.figures import counting, latency
from notificacao.models import (
    ActiveChannel,
    CanaryProbe,
    DispatchState,
    FigureMinute,
    LogHead,
    Notification,
    Receipt,
    WebProcess,
)
from notificacao.presence import Count, Pages
from tests.rows import write, write_stamped

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def stamped(seq, at, channel="system:notifications", **fields):
    LogHead.objects.update(seq=seq)
    return write_stamped(seq, channel, stamped_at=at, **{"dispatch_state": DispatchState.SKIPPED, **fields})


def received(row, person, ms, transport="sse"):
    Receipt.objects.create(
        person=person, notification=row, delivered_at=row.stamped_at, transport=transport, latency_ms=ms
    )


def look(now) -> FigureMinute:
    """Write what is due at `now`, and return the last minute."""
    counting.write(counting.due(now))
    return FigureMinute.objects.order_by("at").last()


def listen(channel, since):
    """Somebody has a page open on `channel`, at a process that is alive by any clock of a test."""
    presence.record_process("one")
    presence.write_counts("one", {channel: Count(1, 0)}, [])
    ActiveChannel.objects.update(since=since)


def test_a_minute_has_what_was_stamped_in_it_and_what_became_of_that(ana, bia):
    rows = [
        stamped(1, NOON - timedelta(seconds=61)),
        stamped(2, NOON - timedelta(seconds=60), dispatch_state=DispatchState.PUBLISHED),
        stamped(3, NOON - timedelta(seconds=1), dispatch_state=DispatchState.FAILED),
        stamped(4, NOON),
    ]
    received(rows[0], ana, 7)
    for person, ms in ((ana, 100), (bia, 101)):
        received(rows[1], person, ms, "ably")
    received(rows[2], ana, 99_999)
    found = look(NOON + timedelta(seconds=2))
    assert found.at == NOON - MINUTE
    assert (found.stamped, found.published, found.failed, found.skipped, found.seq_to) == (2, 1, 1, 0, 3)
    assert sum(found.latency["ably"]) == 2
    assert latency.beyond(found.latency["ably"], 100) == 1
    assert found.latency["sse"][-1] == 1


def test_a_receipt_that_comes_within_minutes_still_counts_and_one_later_does_not(ana):
    row = stamped(1, NOON - timedelta(seconds=30))
    look(NOON)
    received(row, ana, 40)
    look(NOON + 3 * MINUTE)
    first = FigureMinute.objects.get(at=NOON - MINUTE)
    assert sum(first.latency["sse"]) == 1
    Receipt.objects.all().delete()
    look(NOON + 4 * MINUTE)
    assert sum(FigureMinute.objects.get(at=NOON - MINUTE).latency["sse"]) == 1


def test_minutes_that_nobody_counted_are_counted_afterwards_as_far_as_they_are_near():
    look(NOON)
    stamped(1, NOON + 4 * MINUTE)
    look(NOON + 8 * MINUTE)
    assert FigureMinute.objects.count() == 9
    assert FigureMinute.objects.get(at=NOON + 4 * MINUTE).stamped == 1
    look(NOON + 60 * MINUTE)
    assert FigureMinute.objects.filter(at__gt=NOON + 8 * MINUTE).count() == counting.FILLED


def test_nothing_is_made_up_of_the_time_before_the_first_minute():
    look(NOON)
    look(NOON + MINUTE)
    assert list(FigureMinute.objects.order_by("at").values_list("at", flat=True)) == [NOON - MINUTE, NOON]


def test_a_log_that_was_set_back_is_counted_again():
    stamped(900, NOON - timedelta(seconds=30))
    look(NOON)
    Notification.objects.all().delete()
    stamped(3, NOON + timedelta(seconds=30))
    assert look(NOON + MINUTE).stamped == 1


def test_what_nobody_received_with_a_page_open_is_missing_once_a_receipt_had_time_to_come(ana, bia, of_ana, settings):
    listen(of_ana, NOON - timedelta(minutes=10))
    heard, unheard = stamped(1, NOON - MINUTE, of_ana), stamped(2, NOON - MINUTE, of_ana)
    stamped(3, NOON - MINUTE, of_ana, expires_at=NOON)
    stamped(4, NOON - MINUTE, audiences.channel_for_user(bia))
    received(heard, ana, 20)
    assert (look(NOON).expected, unheard.seq) == (0, 2)
    look(NOON + 2 * MINUTE)
    found = FigureMinute.objects.get(at=NOON - MINUTE)
    assert (found.expected, found.missing) == (2, 1)


def test_who_came_after_the_stamp_was_not_to_receive_it(ana, of_ana):
    listen(of_ana, NOON)
    stamped(1, NOON - MINUTE, of_ana)
    look(NOON)
    look(NOON + 2 * MINUTE)
    assert FigureMinute.objects.get(at=NOON - MINUTE).expected == 0


def test_probes_are_counted_heard_and_missed():
    for ms in (40, 50, None):
        CanaryProbe.objects.create(round_trip_ms=ms)
    CanaryProbe.objects.update(at=NOON - timedelta(seconds=20))
    found = look(NOON)
    assert (found.probes_heard, found.probes_missed) == (2, 1)


def test_what_is_seen_is_of_the_last_minute_and_stays_when_it_is_counted_afresh(ana):
    presence.record_process("one")
    presence.write_counts("one", {"system:notifications": Count(3, 2)}, [])
    presence.write_connections("one", {ana.pk: Pages(4, 1)})
    row = write("system:notifications")
    Notification.objects.filter(pk=row.pk).update(created_at=NOON - timedelta(seconds=9))
    found = look(NOON)
    assert (found.on_sse, found.on_ably, found.streams_live, found.streams_standby) == (3, 2, 4, 1)
    assert (found.looked, found.unstamped_seconds, found.unsettled_seconds) == (1, 9, 0)
    WebProcess.objects.all().delete()
    look(NOON + MINUTE)
    assert FigureMinute.objects.get(pk=found.pk).on_sse == 3
    assert FigureMinute.objects.order_by("at").last().on_sse == 0


def test_a_minute_costs_as_many_queries_with_many_receipts_as_with_none(ana):
    look(NOON)
    with CaptureQueriesContext(connection) as without:
        look(NOON + MINUTE)
    for seq in range(1, 60):
        received(stamped(seq, NOON + MINUTE), ana, seq)
    with CaptureQueriesContext(connection) as captured:
        look(NOON + 2 * MINUTE)
    per_minute = 4
    assert len(captured) <= len(without) + per_minute


def test_the_leader_alone_writes():
    term = lease.hold("one", None)
    assert 1 <= figures_round.write_down(term) <= 61
    assert FigureMinute.objects.count() == 1
    with pytest.raises(LeadLost):
        figures_round.write_down(term + 1)
    assert FigureMinute.objects.count() == 1
