"""The way in: what notify() and notify_many() write, and when they wake the dispatcher."""

import itertools
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from notificacao import audiences, changes, wakes
from notificacao.content import InvalidNotification, Notice
from notificacao.models import DispatchState, Notification
from notificacao.services import notify, notify_many
from tests.conftest import make_person


@pytest.fixture
def woken(monkeypatch):
    """The topics that were woken, in order."""
    topics = []
    monkeypatch.setattr(wakes, "wake", topics.append)
    return topics


@pytest.fixture
def personal(ana):
    return audiences.channel_for_user(ana)


@pytest.fixture
def unit_channel(cras_norte):
    return audiences.channel_for_unit(cras_norte)


def test_an_event_for_two_channels_is_two_rows_with_one_event_id_that_is_neithers_own(personal, unit_channel):
    rows = notify([personal, unit_channel], title="Título", message="Corpo.")
    assert [row.channel for row in rows] == [personal, unit_channel]
    (event_id,) = {row.event_id for row in rows}
    assert event_id not in {row.public_id for row in rows}
    assert list(Notification.objects.order_by("pk").values_list("channel", "event_id")) == [
        (personal, event_id),
        (unit_channel, event_id),
    ]


def test_an_event_for_one_channel_is_one_row_that_carries_its_own_id(personal):
    (row,) = notify([personal], title="Título", message="Corpo.")
    row.refresh_from_db()
    assert row.event_id == row.public_id


def test_a_channel_named_twice_gets_one_row_that_carries_its_own_id(personal):
    (row,) = notify([personal, personal], title="Título", message="Corpo.")
    assert row.event_id == row.public_id
    assert Notification.objects.count() == 1


def test_a_row_says_what_was_sent_and_who_sent_it_and_waits_to_be_stamped(ana, bia, personal):
    notify(
        [personal],
        created_by=bia,
        title="Título",
        message="Corpo.",
        kind="alerta",
        priority="alta",
        link="/a/",
        data={"n": 1},
    )
    row = Notification.objects.get()
    assert (row.title, row.message, row.kind, row.priority) == ("Título", "Corpo.", "alerta", "alta")
    assert (row.link, row.data, row.created_by, row.expires_at) == ("/a/", {"n": 1}, bia, None)
    assert (row.seq, row.prev_seq, row.dispatch_state) == (None, None, DispatchState.PENDING)


@pytest.mark.parametrize(
    "stranger",
    [
        "private:unit:nobody:notifications",
        "private:user:*:notifications",
        "private:nothing:x:notifications",
        "system:other",
        "",
    ],
)
def test_an_unknown_channel_is_refused_by_name_and_nothing_is_written(
    personal, stranger, woken, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(InvalidNotification) as caught:
        notify([personal, stranger], title="Título", message="Corpo.")
    assert caught.value.errors == {"channels": f"canal desconhecido: {stranger}"}
    assert not Notification.objects.exists()
    assert woken == []


def test_a_channels_name_is_compared_whole(cras_norte):
    name = audiences.channel_for_unit(cras_norte)
    for almost in (name[:-1], name + "x", name.upper(), name.replace(":notifications", "")):
        with pytest.raises(InvalidNotification):
            notify([almost], title="Título", message="Corpo.")
    assert not Notification.objects.exists()


def test_one_wrong_notice_among_many_keeps_all_from_being_sent(personal):
    notices = [
        Notice.of(channels=(channel,), title="Título", message="Corpo.")
        for channel in (personal, "private:unit:nobody:notifications")
    ]
    with pytest.raises(InvalidNotification):
        notify_many(notices)
    assert not Notification.objects.exists()


def test_wrong_content_is_refused_before_anything_is_asked_of_the_database(personal, django_assert_num_queries):
    with django_assert_num_queries(0), pytest.raises(InvalidNotification, match="title: falta preencher"):
        notify([personal], title="", message="Corpo.")


def test_what_is_rolled_back_leaves_no_row_and_wakes_nobody(personal, woken, django_capture_on_commit_callbacks):
    class Undone(Exception):
        pass

    def fail_after_sending():
        with transaction.atomic():
            notify([personal], title="Título", message="Corpo.")
            assert Notification.objects.count() == 1
            raise Undone

    with django_capture_on_commit_callbacks(execute=True) as callbacks, pytest.raises(Undone):
        fail_after_sending()
    assert not Notification.objects.exists()
    assert (callbacks, woken) == ([], [])


def test_the_dispatcher_is_woken_only_once_the_row_is_committed(personal, woken, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        notify([personal], title="Título", message="Corpo.")
        assert woken == []
    assert woken == [wakes.DISPATCHER]


def test_a_wake_that_fails_does_not_fail_the_producer(personal, monkeypatch, django_capture_on_commit_callbacks):
    def broken(topic):
        raise OSError(topic)

    monkeypatch.setattr(wakes, "wake", broken)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        notify([personal], title="Título", message="Corpo.")
    assert len(callbacks) == 1
    assert Notification.objects.count() == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("recipient", ["personal", "unit_channel"])
def test_one_notification_is_one_question_and_one_insert_that_is_its_own_transaction(recipient, request, woken):
    channel = request.getfixturevalue(recipient)
    woken.clear()
    with CaptureQueriesContext(connection) as queries:
        [row] = notify([channel], title="Título", message="Corpo.")
    assert [query["sql"].split()[0] for query in queries.captured_queries] == ["SELECT", "INSERT"]
    assert (Notification.objects.get().pk, woken) == (row.pk, [wakes.DISPATCHER])


def notices_for(*people):
    """A hundred notices to these people in turns, each with its number as its title."""
    channels = itertools.cycle([audiences.channel_for_user(person) for person in people])
    return [Notice.of(channels=(next(channels),), title=str(number), message="m") for number in range(100)]


def test_many_events_are_one_insert_and_one_wake(ana, woken, django_capture_on_commit_callbacks):
    people = [ana, *(make_person(f"p{number}") for number in range(20))]
    notices = [
        Notice.of(
            channels=(audiences.channel_for_user(person), audiences.SYSTEM_CHANNEL), title=str(number), message="m"
        )
        for number, person in enumerate(people)
    ]
    with django_capture_on_commit_callbacks(execute=True), CaptureQueriesContext(connection) as queries:
        rows = notify_many(notices)
    inserts = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("INSERT")]
    assert (len(inserts), woken) == (1, [wakes.DISPATCHER])
    assert len(rows) == Notification.objects.count() == 42
    assert len({row.event_id for row in rows}) == 21


@pytest.mark.postgres
def test_many_rows_reach_postgresql_as_one_array_for_each_column_that_they_fill(ana, bia):
    with CaptureQueriesContext(connection) as queries:
        rows = notify_many(notices_for(ana, bia))
        changes.of_access([ana.pk, bia.pk])
    inserts = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("INSERT")]
    assert ["UNNEST" in sql for sql in inserts] == [True, True]
    columns = inserts[0][: inserts[0].index(")")]
    assert "event_id" in columns
    assert not [name for name in ("created_at", "expires_at", "seq", "lease_until") if f'"{name}"' in columns]
    written = Notification.objects.in_bulk([row.pk for row in rows])
    assert [row.title for row in rows] == [written[row.pk].title for row in rows] == [str(n) for n in range(100)]
    assert [row.created_at for row in rows] == [written[row.pk].created_at for row in rows]


def test_rows_of_one_insert_keep_what_some_of_them_give_and_others_leave_out(personal, bia):
    once = datetime(2026, 1, 2, tzinfo=UTC)
    content = {"channel": personal, "title": "Título", "message": "m"}
    given = [{"created_at": once}, {"expires_at": once}, {"created_by": bia}, {}]
    rows = Notification.objects.bulk_create([Notification(**content, **one) for one in given])
    written = [Notification.objects.get(pk=row.pk) for row in rows]
    assert [row.expires_at for row in written] == [None, once, None, None]
    assert [row.created_by for row in written] == [None, None, bia, None]
    assert [row.created_at == once for row in written] == [True, False, False, False]


def test_checking_the_channels_of_many_events_takes_no_query_for_each(ana, bia, django_assert_max_num_queries):
    notices = [
        Notice.of(channels=(audiences.channel_for_user(person),), title="Título", message="m")
        for person in (ana, bia) * 20
    ]
    with django_assert_max_num_queries(6):
        assert len(notify_many(notices)) == 40


def test_of_no_event_at_all_nothing_is_written(db):
    assert notify_many([]) == []
    assert not Notification.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_producer_whose_connection_broke_is_refused_once_and_then_has_another(ana, cras_norte):
    for channel in (audiences.SYSTEM_CHANNEL, audiences.channel_for_user(ana), audiences.channel_for_unit(cras_norte)):
        with pytest.raises(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(OperationalError):
            notify([channel], title="Perdida", message="m")
        assert notify([channel], title="Escrita", message="m")
    assert Notification.objects.filter(title="Escrita").count() == 3
