"""The count of many people at once: it agrees with each one's inbox, and its cost in queries does not grow."""

import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notificacao import audiences, eventlog, reading
from notificacao.eventlog import Cursor
from notificacao.models import LogHead, Membership, Role, Unit
from notificacao.models.notification import uuid7
from notificacao.reading import Filter, Reader, counting
from tests.conftest import make_person
from tests.rows import write
from tests.stamping import fill, stamp_all


@pytest.fixture
def units(cras_norte, cras_sul):
    return [cras_norte, cras_sul, Unit.objects.create(code="CREAS1", name="CREAS", kind=Unit.Kind.CREAS)]


def count(people):
    return reading.unread(audiences.channels_of([person.pk for person in people]))


def send_something(chance, channels):
    """An event for one to three channels, seldom expired, at times stamped only later."""
    chosen = chance.sample(channels, chance.randint(1, 3))
    expires_at = timezone.now() - timedelta(hours=1) if chance.random() < 0.1 else None
    event = {"event_id": uuid7()} if len(chosen) > 1 else {}
    for channel in chosen:
        write(channel, expires_at=expires_at, **event)
        if chance.random() < 0.5:
            stamp_all()


def read_something(chance, person):
    act = chance.choice([reading.mark_read, reading.mark_unread, reading.archive, reading.acknowledge, "all"])
    if act == "all":
        head = eventlog.position()
        reading.mark_all_read(person, Cursor(head.epoch, chance.randint(0, head.seq)))
    elif rows := list(eventlog.permitted(Reader(person).channels).order_by("seq")):
        act(person, chance.choice(rows).public_id)


def change_a_membership(chance, person, units):
    unit = chance.choice(units)
    if not person.memberships.filter(unit=unit).delete()[0]:
        Membership.objects.create(person=person, role=Role.TECNICO, unit=unit)


@pytest.mark.parametrize("seed", range(12))
def test_after_any_history_the_count_of_each_is_the_length_of_their_unread_inbox(units, seed):
    chance = random.Random(seed)
    people = [make_person(f"p{number}", Role.TECNICO, chance.choice(units)) for number in range(4)]
    people.append(make_person("gestora", Role.GESTOR))
    channels = [
        audiences.SYSTEM_CHANNEL,
        *(audiences.channel_for_unit(unit) for unit in units),
        *(audiences.channel_for_user(person) for person in people),
    ]
    for _ in range(40):
        step = chance.random()
        if step < 0.5:
            send_something(chance, channels)
        elif step < 0.92:
            read_something(chance, chance.choice(people))
        else:
            change_a_membership(chance, chance.choice(people[:4]), units)
    stamp_all()
    shown = {person.pk: list(Reader(person).inbox(Filter(unread=True))) for person in people}
    assert count(people) == {pk: len(rows) for pk, rows in shown.items()}
    for person in people:
        entries = Reader(person).entries(Reader(person).inbox())
        unread = {entry.row.pk for entry in entries if not entry.read}
        assert unread == {row.pk for row in shown[person.pk]}
        assert len({entry.row.event_id for entry in entries}) == len(entries)


def test_the_number_of_queries_does_not_grow_with_the_people(cras_norte):
    people = [make_person(f"p{number}", Role.TECNICO, cras_norte) for number in range(40)]
    write(audiences.channel_for_unit(cras_norte))
    stamp_all()
    queries = []
    for some in (people[:1], people):
        heard = audiences.channels_of([person.pk for person in some])
        with CaptureQueriesContext(connection) as captured:
            assert reading.unread(heard) == {person.pk: 1 for person in some}
        queries.append(len(captured))
    assert queries == [1, 1]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_batches_part_people_but_never_the_channels_of_one(units, monkeypatch, size):
    monkeypatch.setattr(counting, "_BATCH", size)
    people = [make_person(f"p{number}", Role.TECNICO, units[number % 3]) for number in range(5)]
    event_id = uuid7()
    for channel in [audiences.SYSTEM_CHANNEL, *(audiences.channel_for_unit(unit) for unit in units)]:
        write(channel, event_id=event_id)
    stamp_all()
    assert count(people) == {person.pk: 1 for person in people}


def test_of_nobody_there_is_nothing_to_count(db, django_assert_max_num_queries):
    with django_assert_max_num_queries(1):
        assert reading.unread({}) == {}
        assert reading.unread({7: {}}) == {7: 0}


@pytest.mark.slow
def test_the_statement_has_as_many_parameters_for_one_channel_as_for_very_many(ana, of_ana):
    """SQLite takes 250,000 at most, PostgreSQL 65,535."""
    fill(of_ana)
    many = {f"private:unit:{number}:notifications": 0 for number in range(70_000)}
    assert reading.unread({ana.pk: many | {of_ana: 0}}) == {ana.pk: 1}


@pytest.mark.postgres
def test_a_count_does_not_read_what_was_received_and_read(ana, of_ana):
    """Have a person with 5,000 receipts: PostgreSQL can look at those alone that are marked as not read."""
    first, *_ = fill(of_ana, of_ana)
    columns = "channel, kind, priority, title, message, link, data, dispatch_state, lease, attempts, error"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO notificacao_notification (public_id, event_id, seq, prev_seq, {columns}) "
            f"SELECT own, own, 100 + n, 99 + n, {columns} FROM notificacao_notification, "
            "(SELECT n, gen_random_uuid() AS own FROM generate_series(1, 5000) AS n) AS more WHERE id = %s",
            [first.pk],
        )
        cursor.execute(
            "INSERT INTO notificacao_receipt (person_id, notification_id, transport, delivered_at) "
            "SELECT %s, id, 'sse', now() FROM notificacao_notification",
            [ana.pk],
        )
    LogHead.objects.update(seq=5100)
    reading.mark_all_read(ana, eventlog.position())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE notificacao_notification, notificacao_receipt, notificacao_readmark")
    reading.mark_unread(ana, first.public_id)
    with CaptureQueriesContext(connection) as queries:
        assert reading.unread_of(ana) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # of so few rows it may well read all
        cursor.execute("EXPLAIN " + queries[-1]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "receipt_marked_unread" in plan, plan
