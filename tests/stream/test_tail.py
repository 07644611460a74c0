"""What the hub asks the database at each look."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notificacao import access, eventlog, reading
from notificacao.eventlog import Cursor
from notificacao.models import LogHead, Notification, Person
from notificacao.stream import tail
from tests.asgi import publish, set_rollout

pytestmark = pytest.mark.django_db

SYSTEM = "system:notifications"


def titles(news):
    return [row.title for row in news.rows]


@pytest.fixture
def long_ago(ana, bia):
    """Nothing about these people changed of late."""
    hour = timezone.now() - timedelta(hours=1)
    Person.objects.update(access_changed_at=hour, reading_changed_at=hour)


def test_rows_after_the_position_come_in_the_logs_order_with_its_head():
    start = eventlog.position()
    publish(("1", "2", "3"), SYSTEM, {})
    news = tail.read(Cursor(start.epoch, start.seq + 1), [], [])
    assert titles(news) == ["2", "3"]
    assert (news.position, news.more) == (Cursor(start.epoch, start.seq + 3), False)


def test_where_nothing_is_new_there_are_no_rows():
    publish(("1",), SYSTEM, {})
    news = tail.read(eventlog.position(), [], [])
    assert (news.rows, news.position, news.more) == ([], eventlog.position(), False)


def test_a_row_beyond_the_head_that_was_read_is_left_to_the_next_look(monkeypatch):
    """It was stamped between the two reads; those before it may not all be visible yet."""
    publish(("1",), SYSTEM, {})
    head, start = eventlog.head, Cursor(eventlog.position().epoch, 0)

    def head_and_then_another():
        now = head()
        monkeypatch.setattr(tail.eventlog, "head", head)
        publish(("2",), SYSTEM, {})
        return now

    monkeypatch.setattr(tail.eventlog, "head", head_and_then_another)
    news = tail.read(start, [], [])
    assert titles(news) == ["1"]
    assert titles(tail.read(news.position, [], [])) == ["2"]


def test_many_rows_come_in_batches_without_a_gap(monkeypatch):
    monkeypatch.setattr(tail, "BATCH", 3)
    publish(tuple("abcdefg"), SYSTEM, {})
    at, seen, more = Cursor(eventlog.position().epoch, 0), [], True
    while more:
        news = tail.read(at, [], [])
        assert len(news.rows) <= 3
        assert news.rows[-1].seq == news.position.seq
        at, more = news.position, news.more
        seen += titles(news)
    assert seen == list("abcdefg")
    assert at == eventlog.position()


def test_another_epoch_gives_its_head_and_no_rows():
    publish(("1",), SYSTEM, {})
    LogHead.objects.update(epoch="beef")
    news = tail.read(Cursor("dead", 0), [], [])
    assert (news.rows, news.position) == ([], Cursor("beef", 1))


def test_a_head_that_went_back_gives_no_rows():
    publish(("1",), SYSTEM, {})
    epoch = eventlog.position().epoch
    assert tail.read(Cursor(epoch, 9), [], []).rows == []


def test_a_row_that_nobody_stamped_is_not_there():
    Notification.objects.create(channel=SYSTEM, title="Ainda não", message="…")
    assert tail.read(Cursor(eventlog.position().epoch, 0), [], []).rows == []


def test_the_state_is_read_of_the_rows_asked_for_alone():
    rows = publish(("1", "2", "3"), SYSTEM, {})
    Notification.objects.filter(pk=rows[1].pk).update(dispatch_state="failed")
    news = tail.read(eventlog.position(), [rows[0].seq, rows[1].seq, 999], [])
    assert news.settled == {rows[0].seq: "pending", rows[1].seq: "failed"}


@pytest.mark.usefixtures("long_ago")
def test_who_changed_of_late_is_told_among_those_connected(ana, bia):
    now = eventlog.position()
    assert tail.read(now, [], [ana.pk, bia.pk]).people == {}
    access.touch([ana.pk, bia.pk])
    assert set(tail.read(now, [], [ana.pk]).people) == {ana.pk}
    ana.refresh_from_db()
    assert tail.read(now, [], [ana.pk]).people[ana.pk] == (ana.access_changed_at, ana.reading_changed_at)


@pytest.mark.usefixtures("long_ago")
def test_who_read_something_is_told_too(ana):
    before = tail.read(eventlog.position(), [], [ana.pk]).people
    reading.mark_all_read(ana, eventlog.position())
    assert (before, set(tail.read(eventlog.position(), [], [ana.pk]).people)) == ({}, {ana.pk})


def test_a_change_that_became_visible_some_seconds_late_is_still_found(ana):
    late = timezone.now() - timedelta(seconds=9)
    Person.objects.filter(pk=ana.pk).update(access_changed_at=late, reading_changed_at=late)
    assert tail.read(eventlog.position(), [], [ana.pk]).people == {ana.pk: (late, late)}


def test_the_rollout_is_read_with_the_rows(settings):
    settings.ABLY_API_KEY = "app.key:segredo"
    set_rollout(everyone=True, breaker="closed")
    assert tail.read(eventlog.position(), [], []).rollout.transport_for(1) == "ably"
    set_rollout(breaker="open")
    assert tail.read(eventlog.position(), [], []).rollout.transport_for(1) == "sse"


def test_a_look_costs_the_same_for_one_row_and_for_many(ana):
    def cost(since):
        with CaptureQueriesContext(connection) as queries:
            tail.read(since, [1, 2], [ana.pk])
        return len(queries)

    start = eventlog.position()
    publish(("1",), SYSTEM, {})
    one = cost(start)
    publish(tuple(str(n) for n in range(50)), SYSTEM, {})
    assert cost(start) == one <= 6
