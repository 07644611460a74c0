"""What the hub asks the database at each look."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notificacao import changes, eventlog, reading
from notificacao.eventlog import Cursor
from notificacao.models import LogHead, Notification, StreamChange
from notificacao.stream import tail
from tests.asgi import publish, set_rollout
from tests.stamping import number_changes
from tests.touched import forget_changes

pytestmark = pytest.mark.django_db

SYSTEM = "system:notifications"


def titles(news):
    return [row.title for row in news.rows]


def test_rows_after_the_position_come_in_the_logs_order_with_its_head():
    start = eventlog.position()
    publish(("1", "2", "3"), SYSTEM, {})
    news = tail.read(Cursor(start.epoch, start.seq + 1), [], 0)
    assert titles(news) == ["2", "3"]
    assert (news.position, news.more) == (Cursor(start.epoch, start.seq + 3), False)


def test_each_look_brings_the_databases_time(monkeypatch):
    told, start = [], eventlog.position()
    monkeypatch.setattr(tail.clock, "note", told.append)
    tail.read(start, [], 0)
    assert len(told) == 1


def test_where_nothing_is_new_there_are_no_rows():
    publish(("1",), SYSTEM, {})
    news = tail.read(eventlog.position(), [], 0)
    assert (news.rows, news.position, news.more) == ([], eventlog.position(), False)


def test_a_row_beyond_the_head_is_left_to_the_next_look():
    """Its stamp has written it and the head does not say so yet: those before it may not all be visible."""
    start = eventlog.position()
    publish(("1", "2"), SYSTEM, {})
    LogHead.objects.update(seq=start.seq + 1)
    news = tail.read(start, [], 0)
    assert titles(news) == ["1"]
    LogHead.objects.update(seq=start.seq + 2)
    assert titles(tail.read(news.position, [], 0)) == ["2"]


@pytest.mark.parametrize("rows", [(), ("1",), ("1", "2", "3")])
def test_a_look_of_a_hub_that_knows_the_rollout_is_one_statement(rows):
    """Each web process pays it at each wake; and no trim, restore or stamp comes between the head and the rows."""
    forget_changes()
    start, known = eventlog.position(), tail.read(eventlog.position(), [], 0).rollout
    publish(rows, SYSTEM, {})
    with CaptureQueriesContext(connection) as queries:
        news = tail.read(start, [], 0, known)
    assert titles(news) == list(rows)
    assert len(queries) == 1


def test_many_rows_come_in_batches_without_a_gap(monkeypatch):
    monkeypatch.setattr(tail, "BATCH", 3)
    publish(tuple("abcdefg"), SYSTEM, {})
    at, seen, more = Cursor(eventlog.position().epoch, 0), [], True
    while more:
        news = tail.read(at, [], 0)
        assert len(news.rows) <= 3
        assert news.rows[-1].seq == news.position.seq
        at, more = news.position, news.more
        seen += titles(news)
    assert seen == list("abcdefg")
    assert at == eventlog.position()


@pytest.mark.postgres
def test_a_hub_that_is_far_behind_has_one_batch_read_and_not_all_that_it_lacks(monkeypatch):
    monkeypatch.setattr(tail, "BATCH", 3)
    publish(tuple("abcdefg"), SYSTEM, {})
    with CaptureQueriesContext(connection) as queries:
        tail.read(Cursor(eventlog.position().epoch, 0), [], 0)
    (look,) = (query["sql"] for query in queries if "log_epoch" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {look}")
        (scan,) = (line for (line,) in cursor.fetchall() if f"on {Notification._meta.db_table}" in line)
    assert "(actual rows=3 loops=1)" in scan


def test_another_epoch_gives_its_head_and_no_rows():
    publish(("1",), SYSTEM, {})
    LogHead.objects.update(epoch="beef")
    news = tail.read(Cursor("dead", 0), [], 0)
    assert (news.rows, news.position) == ([], Cursor("beef", 1))


def test_a_head_that_went_back_gives_no_rows():
    publish(("1",), SYSTEM, {})
    epoch = eventlog.position().epoch
    assert tail.read(Cursor(epoch, 9), [], 0).rows == []


def test_a_row_that_nobody_stamped_is_not_there():
    Notification.objects.create(channel=SYSTEM, title="Ainda não", message="…")
    assert tail.read(Cursor(eventlog.position().epoch, 0), [], 0).rows == []


def test_the_state_is_read_of_the_rows_asked_for_alone():
    rows = publish(("1", "2", "3"), SYSTEM, {})
    Notification.objects.filter(pk=rows[1].pk).update(dispatch_state="failed")
    news = tail.read(eventlog.position(), [rows[0].seq, rows[1].seq, 999], 0)
    assert news.settled == {rows[0].seq: "pending", rows[1].seq: "failed"}


def of(news):
    return [(change.kind, change.person_id) for change in news.changes]


def test_a_change_is_told_before_it_has_a_number_and_once_after_that(ana, bia):
    forget_changes()
    now = eventlog.position()
    changes.of_access([ana.pk])
    reading.mark_all_read(bia, now)
    told = tail.read(now, [], 0)
    assert (of(told), told.last_change) == ([("access", ana.pk), ("reading", bia.pk)], 0)
    number_changes()
    told = tail.read(now, [], 0)
    assert (of(told), told.last_change, told.changes_complete) == ([("access", ana.pk), ("reading", bia.pk)], 2, True)
    assert of(tail.read(now, [], 2)) == []


def test_changes_that_are_gone_or_too_many_are_told_to_be_incomplete(ana, monkeypatch):
    forget_changes()
    now = eventlog.position()
    for _ in range(3):
        changes.of_access([ana.pk])
    number_changes()
    monkeypatch.setattr(tail, "CHANGES", 2)
    assert not tail.read(now, [], 0).changes_complete
    monkeypatch.setattr(tail, "CHANGES", 3)
    assert tail.read(now, [], 0).changes_complete
    StreamChange.objects.filter(number=1).delete()
    assert not tail.read(now, [], 0).changes_complete
    assert tail.read(now, [], 1).changes_complete
    assert not tail.read(now, [], 4).changes_complete, "the log was set back"


def test_changes_are_read_also_where_the_rollout_is_known(ana):
    forget_changes()
    now, known = eventlog.position(), tail.read(eventlog.position(), [], 0).rollout
    changes.of_access([ana.pk])
    assert of(tail.read(now, [], 0, known)) == [("access", ana.pk)]


def test_the_rollout_is_read_with_the_rows(settings):
    settings.ABLY_API_KEY = "app.key:segredo"
    set_rollout(everyone=True, breaker="closed")
    assert tail.read(eventlog.position(), [], 0).rollout.transport_for(1, ()) == "ably"
    set_rollout(breaker="open")
    assert tail.read(eventlog.position(), [], 0).rollout.transport_for(1, ()) == "sse"


def test_a_look_costs_the_same_for_one_row_and_for_many(ana):
    def cost(since):
        with CaptureQueriesContext(connection) as queries:
            tail.read(since, [1, 2], 0)
        return len(queries)

    start = eventlog.position()
    publish(("1",), SYSTEM, {})
    one = cost(start)
    publish(tuple(str(n) for n in range(50)), SYSTEM, {})
    assert cost(start) == one <= 6
