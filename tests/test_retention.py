"""Retention: what leaves the log, what stays, and what a cursor, an inbox and a count make of it."""

import io
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notificacao import audiences, eventlog, reading, retention
from notificacao.eventlog import Cursor, ResyncNeeded
from notificacao.management.commands import trim_log
from notificacao.models import Alert, CanaryProbe, DispatchState, LogHead, Notification, Receipt
from notificacao.reading import Filter, Reader
from notificacao.services import notify
from tests.rows import write
from tests.stamping import stamp_all

pytestmark = pytest.mark.django_db

SYSTEM = "system:notifications"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    monkeypatch.setattr(trim_log, "PAUSE", 0)


def fill(*ages, channel=SYSTEM, state=DispatchState.SKIPPED):
    """One settled row of each age, in days; seqs are 1, 2, 3…"""
    rows = [write(channel) for _ in ages]
    stamp_all()
    for row, days in zip(rows, ages, strict=True):
        change(row, stamped_at=timezone.now() - timedelta(days=days), dispatch_state=state)
        row.refresh_from_db()
    return rows


def change(row, **fields):
    Notification.objects.filter(pk=row.pk).update(**fields)


def left():
    return list(Notification.objects.exclude(seq=None).order_by("seq").values_list("seq", flat=True))


def trimmed_to():
    return eventlog.head().trimmed_to


def at(seq):
    return Cursor(eventlog.position().epoch, seq)


def command(*arguments):
    output = io.StringIO()
    call_command("trim_log", *arguments, stdout=output)
    return output.getvalue().strip()


# --- What goes


def test_what_is_older_than_retention_goes_and_the_log_says_up_to_where():
    fill(300, 121, 119, 0)
    assert retention.trim() == 2
    assert (left(), trimmed_to()) == ([3, 4], 2)
    assert retention.trim() == 0
    assert eventlog.position().seq == 4


def test_the_setting_says_how_old_and_zero_keeps_everything(settings):
    fill(9, 5)
    settings.RETENTION_DAYS = 0
    assert (retention.trim(), retention.due()) == (0, 0)
    settings.RETENTION_DAYS = 7
    assert (retention.due(), retention.trim()) == (1, 1)


def test_a_log_may_be_trimmed_to_its_very_head():
    fill(200, 200)
    assert retention.trim() == 2
    assert (left(), trimmed_to(), eventlog.position().seq) == ([], 2, 2)
    fill(0)
    assert Notification.objects.values_list("seq", "prev_seq").get() == (3, 2)


@pytest.mark.parametrize("reason", [{"dispatch_state": DispatchState.PENDING}, {"stamped_at": timezone.now()}])
def test_only_a_prefix_goes_it_ends_before_the_first_row_that_stays(reason):
    rows = fill(200, 200, 200)
    change(rows[1], **reason)
    assert retention.trim() == 1
    assert (left(), trimmed_to(), retention.trim()) == ([2, 3], 1, 0)


def test_what_nobody_stamped_stays_however_old():
    row = write(SYSTEM, created_at=timezone.now() - timedelta(days=999))
    assert retention.trim() == 0
    assert Notification.objects.get() == row


def test_a_batch_has_a_limit_and_the_next_one_goes_on_where_it_ended(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 3)
    fill(*[200] * 7, 0)
    assert retention.due() == 7
    assert [retention.trim() for _ in range(4)] == [3, 3, 1, 0]
    assert (left(), trimmed_to()) == ([8], 7)


def test_receipts_go_with_their_notifications_and_others_stay(ana, bia, of_ana):
    old, new = fill(200, 1, channel=of_ana)
    for person in (ana, bia):
        for row in (old, new):
            Receipt.objects.create(person=person, notification=row)
    retention.trim()
    assert list(Receipt.objects.values_list("notification", flat=True)) == [new.pk, new.pk]


def test_a_batch_costs_the_same_for_few_receipts_and_for_many(ana, bia, caio, of_ana):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert retention.trim() == 20
        return len(queries)

    rows = fill(*[200] * 20, channel=of_ana)
    few = cost()
    rows = fill(*[200] * 20, channel=of_ana)
    Receipt.objects.bulk_create(Receipt(person=p, notification=row) for row in rows for p in (ana, bia, caio))
    assert cost() == few < 12


def test_the_head_is_written_last_so_that_stamping_waits_for_no_delete():
    fill(200, 200)
    with CaptureQueriesContext(connection) as queries:
        retention.trim()
    writes = [query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "DELETE"))]
    assert [LogHead._meta.db_table in sql for sql in writes] == [False] * (len(writes) - 1) + [True]


def test_a_fault_in_the_delete_leaves_the_log_as_it_was(monkeypatch):
    def fail(*args, **fields):
        raise ZeroDivisionError

    fill(200, 200)
    monkeypatch.setattr(type(LogHead.objects.all()), "update", fail)
    with pytest.raises(ZeroDivisionError):
        retention.trim()
    assert (left(), trimmed_to()) == ([1, 2], 0)


def test_logins_that_expired_are_cleared_and_others_are_not(client, ana, bia):
    for person in (ana, bia):
        client.force_login(person)
        client.cookies.clear()
    expired = Session.objects.first()
    Session.objects.filter(pk=expired.pk).update(expire_date=timezone.now() - timedelta(seconds=1))
    retention.clear_the_rest()
    assert Session.objects.count() == 1
    assert not Session.objects.filter(pk=expired.pk).exists()


def test_probes_of_the_canary_are_kept_for_35_days():
    for days in (0, 34, 36):
        CanaryProbe.objects.create(at=timezone.now() - timedelta(days=days), round_trip_ms=days)
    retention.clear_the_rest()
    assert set(CanaryProbe.objects.values_list("round_trip_ms", flat=True)) == {0.0, 34.0}


# --- What a cursor makes of it


def test_a_cursor_from_before_the_trim_is_a_resync_and_one_at_the_trim_lacks_nothing(client, ana):
    fill(200, 200, 0)
    retention.trim()
    with pytest.raises(ResyncNeeded):
        eventlog.read_after(at(1), {SYSTEM: 0}, 10)
    page = eventlog.read_after(at(2), {SYSTEM: 0}, 10)
    assert [(row.seq, row.prev_seq) for row in page.rows] == [(3, 2)]  # prev_seq ≤ the cursor: complete in the browser
    client.force_login(ana)
    assert client.get(f"/api/v1/notifications/?after={at(1)}").status_code == 410
    assert client.get(f"/api/v1/notifications/?after={at(2)}").status_code == 200


@pytest.mark.parametrize("ages", [(200, 200), (200, 200, 0)])
def test_a_trim_between_the_head_and_the_rows_is_a_resync_and_not_a_hole(ages, monkeypatch):
    def check_and_then_trim(cursor):
        head = check(cursor)
        retention.trim()
        return head

    fill(*ages)
    check = eventlog.check
    monkeypatch.setattr(eventlog, "check", check_and_then_trim)
    with pytest.raises(ResyncNeeded):
        eventlog.read_after(at(0), {SYSTEM: 0}, 10)


def test_counts_and_inbox_hold_what_is_left(ana, of_ana):
    fill(200, 200, 1, channel=of_ana)
    assert reading.unread_of(ana) == 3
    retention.trim()
    assert reading.unread_of(ana) == 1
    assert [row.seq for row in Reader(ana).inbox().order_by("seq")] == [3]


def test_an_event_whose_first_row_is_gone_still_counts_once(ana, of_ana, cras_norte):
    first, second = notify([of_ana, audiences.channel_for_unit(cras_norte)], title="Nova", message="…")
    stamp_all()
    change(first, stamped_at=timezone.now() - timedelta(days=200), dispatch_state=DispatchState.SKIPPED)
    assert (retention.trim(), reading.unread_of(ana)) == (1, 1)
    assert [row.pk for row in Reader(ana).inbox()] == [second.pk]


# --- The archive of what was read


@pytest.mark.parametrize("by", ["a receipt", "the mark"])
def test_what_is_read_and_old_is_in_the_archive_without_a_write(by, ana, of_ana):
    old, young = fill(31, 29, channel=of_ana)
    if by == "the mark":
        reading.mark_all_read(ana, eventlog.position())
    else:
        for row in (old, young):
            reading.mark_read(ana, row.public_id)
    reader = Reader(ana)
    assert (list(reader.inbox()), list(reader.inbox(Filter(archived=True)))) == ([young], [old])
    assert [entry.archived for entry in reader.entries([old, young])] == [True, False]
    assert not Receipt.objects.exclude(archived_at=None).exists()


def test_what_is_old_and_unread_stays_in_the_inbox_and_in_the_count(ana, of_ana):
    below, kept, beyond = fill(90, 90, 90, channel=of_ana)
    reading.mark_all_read(ana, at(kept.seq))
    reading.mark_unread(ana, kept.public_id)
    reader = Reader(ana)
    assert list(reader.inbox().order_by("seq")) == [kept, beyond]
    assert list(reader.inbox(Filter(unread=True)).order_by("seq")) == [kept, beyond]
    assert list(reader.inbox(Filter(archived=True))) == [below]
    assert reading.unread_of(ana) == 2


def test_what_was_archived_by_hand_is_there_at_any_age(ana, of_ana):
    old, young = fill(90, 1, channel=of_ana)
    for row in (old, young):
        reading.archive(ana, row.public_id)
    assert list(Reader(ana).inbox()) == []
    assert list(Reader(ana).inbox(Filter(archived=True)).order_by("seq")) == [old, young]


@pytest.mark.parametrize("by", ["its age", "its age and by hand"])
def test_what_left_the_inbox_by_its_age_comes_back_unread_or_it_would_leave_again(by, ana, of_ana):
    (row,) = fill(90, channel=of_ana)
    reading.mark_read(ana, row.public_id)
    if by != "its age":
        reading.archive(ana, row.public_id)
    assert reading.unarchive(ana, row.public_id) == 1
    assert (list(Reader(ana).inbox()), list(Reader(ana).inbox(Filter(archived=True)))) == ([row], [])


def test_zero_days_archive_nothing_by_age(ana, of_ana, settings):
    settings.ARCHIVE_READ_AFTER_DAYS = 0
    (row,) = fill(999, channel=of_ana)
    reading.mark_read(ana, row.public_id)
    assert (list(Reader(ana).inbox()), list(Reader(ana).inbox(Filter(archived=True)))) == ([row], [])
    assert Reader(ana).entries([row])[0].archived is False


def test_one_persons_reading_archives_nothing_for_another(ana, bia, cras_norte):
    (row,) = fill(90, channel=audiences.channel_for_unit(cras_norte))
    reading.mark_read(ana, row.public_id)
    assert (list(Reader(ana).inbox()), list(Reader(bia).inbox())) == ([], [row])


# --- The command


def test_the_command_trims_in_batches_to_the_end(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    fill(200, 200, 200, 0)
    assert command("--dry-run") == "3 notificações seriam apagadas"
    assert left() == [1, 2, 3, 4]
    assert command() == "3 notificações apagadas; o registro começa depois de 3"
    assert left() == [4]


def test_the_command_takes_another_age(settings):
    fill(50, 3)
    settings.RETENTION_DAYS = 0
    assert command() == "RETENTION_DAYS=0: nada é apagado."
    assert command("--days", "10") == "1 notificações apagadas; o registro começa depois de 1"


@pytest.mark.parametrize("days", ["0", "-1"])
def test_the_command_refuses_an_age_that_is_none(days):
    fill(200)
    with pytest.raises(CommandError, match="1 ou mais"):
        command("--days", days)
    assert left() == [1]


def test_alerts_that_closed_long_ago_go_and_those_that_are_open_stay():
    long_ago = timezone.now() - retention.ALERTS_KEPT - timedelta(days=1)
    Alert.objects.create(name="RedisAway", opened_at=long_ago, closed_at=long_ago)
    Alert.objects.create(name="BudgetAhead", opened_at=long_ago, closed_at=timezone.now())
    Alert.objects.create(name="BreakerOpen", opened_at=long_ago)
    retention.clear_the_rest()
    assert set(Alert.objects.values_list("name", flat=True)) == {"BudgetAhead", "BreakerOpen"}
