"""One person on two devices at the same moment: what either does stays done."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections, transaction

from notificacao import eventlog, reading, receipts
from notificacao.eventlog import Cursor
from notificacao.models import Notification, ReadMark, Receipt
from notificacao.receipts import Delivery
from tests.stamping import fill

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def in_turn(first, second):
    """Do `first` here and, before it is committed, `second` on another device; return what `second` answered."""
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            first()
            answer = other.submit(second)
            while not (answer.done() or _somebody_waits()):
                pass
        try:
            return answer.result()
        finally:
            other.submit(connections.close_all).result()


def _somebody_waits():
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        return cursor.execute(_WAITING).fetchone()[0]


def mark_up_to(person, row):
    return reading.mark_all_read(person, Cursor(eventlog.position().epoch, row.seq)).unread


def test_the_mark_of_two_devices_is_the_further_one_whichever_comes_last(ana, of_ana):
    early, late = fill(of_ana, of_ana)
    assert in_turn(lambda: mark_up_to(ana, late), lambda: mark_up_to(ana, early)) == 0
    assert ReadMark.objects.get(person=ana, channel=of_ana).seq == late.seq


def test_the_mark_that_is_there_already_does_not_go_back_either(ana, of_ana):
    first, early, late = fill(of_ana, of_ana, of_ana)
    mark_up_to(ana, first)
    in_turn(lambda: mark_up_to(ana, late), lambda: mark_up_to(ana, early))
    assert ReadMark.objects.get(person=ana, channel=of_ana).seq == late.seq


def test_of_two_devices_that_tell_of_one_notification_the_first_is_kept(ana, of_ana):
    (row,) = fill(of_ana)

    def tell(transport):
        return receipts.record(ana, [Delivery(row.public_id, transport, 0)])

    assert in_turn(lambda: tell("ably"), lambda: tell("sse")) == 0
    assert Receipt.objects.get().transport == "ably"


def test_what_left_by_its_age_while_it_was_brought_back_comes_back_as_not_read(ana, of_ana):
    (row,) = fill(of_ana)
    Notification.objects.update(stamped_at=eventlog.now() - timedelta(days=99))
    reading.archive(ana, row.public_id)
    in_turn(lambda: mark_up_to(ana, row), lambda: reading.unarchive(ana, row.public_id))
    assert list(reading.Reader(ana).inbox()) == [row]


def test_an_act_that_postgresql_ends_in_favour_of_another_is_done_anew(ana, of_ana):
    early, late = fill(of_ana, of_ana)
    mark_up_to(ana, early)
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic(), connections["default"].cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '1min'")  # the other one finds the deadlock, and is ended
            ReadMark.objects.select_for_update().get(person=ana, channel=of_ana)
            answer = other.submit(mark_up_to, ana, late)
            while not _somebody_waits():
                assert not answer.done()
            ana.lock()
        try:
            assert answer.result() == 0
        finally:
            other.submit(connections.close_all).result()
    assert ReadMark.objects.get(person=ana, channel=of_ana).seq == late.seq
