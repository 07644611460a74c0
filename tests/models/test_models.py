"""What the tables promise by themselves."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from notificacao.models import LogHead, Membership, Notification, Person, Role, RolloutFlag
from notificacao.models.notification import uuid7
from tests.conftest import make_person
from tests.rows import write
from tests.stamping import stamp_all

CHANNEL = "system:notifications"
OF_SOMEBODY = "private:user:ana:notifications"
DISPATCHED = {
    "seq": 7,
    "prev_seq": 3,
    "stamped_at": timezone.now() - timedelta(days=1),
    "dispatch_state": "failed",
    "lease": "dispatcher",
    "lease_until": timezone.now() + timedelta(days=1),
    "attempts": 2,
    "error": "503",
    "settled_at": timezone.now(),
}
WITHOUT_UNIT = [role for role in Role if role not in Role.of_a_unit()]


def dispatch_columns(row):
    return Notification.objects.values(*DISPATCHED).get(pk=row.pk)


@pytest.fixture
def row(db):
    return write(CHANNEL)


def test_the_dispatch_columns_under_test_are_all_of_them():
    assert set(DISPATCHED) == Notification.DISPATCH_FIELDS


def test_saving_a_stale_row_keeps_what_the_dispatcher_wrote_meanwhile(row):
    Notification.objects.filter(pk=row.pk).update(**DISPATCHED)
    row.title = "Outro título"
    row.save()
    assert dispatch_columns(row) == DISPATCHED
    assert Notification.objects.get(pk=row.pk).title == "Outro título"


def test_saving_writes_every_column_that_is_content(row):
    content = {"message": "Outra", "link": "/x", "data": {"a": 1}, "priority": "alta", "kind": "alerta"}
    for name, value in content.items():
        setattr(row, name, value)
    row.save()
    assert Notification.objects.values(*content).get(pk=row.pk) == content


def test_no_dispatch_column_is_written_even_when_asked_by_name(row):
    before = dispatch_columns(row)
    for name, value in DISPATCHED.items():
        setattr(row, name, value)
    row.title = "Com os dois"
    row.save(update_fields=["title", *DISPATCHED])
    assert dispatch_columns(row) == before
    assert Notification.objects.get(pk=row.pk).title == "Com os dois"


def test_saving_only_dispatch_columns_writes_nothing(row, django_assert_num_queries):
    row.seq = 99
    with django_assert_num_queries(0):
        row.save(update_fields=["seq"])
    assert Notification.objects.get(pk=row.pk).seq is None


def test_a_narrow_save_of_a_row_loaded_from_the_database_leaves_the_rest(row):
    loaded = Notification.objects.get(pk=row.pk)
    loaded.title, loaded.message = "Novo", "Não gravar"
    loaded.save(update_fields=["title"])
    assert Notification.objects.values_list("title", "message").get(pk=row.pk) == ("Novo", row.message)


def test_a_new_row_is_pending_and_not_stamped(row):
    assert (row.seq, row.prev_seq, row.stamped_at, row.dispatch_state) == (None, None, None, "pending")


def test_an_event_of_one_row_carries_the_rows_own_id(row):
    assert row.event_id == row.public_id
    assert Notification.objects.get(pk=row.pk).event_id == row.public_id


def test_an_event_id_that_was_given_is_kept(db):
    event = uuid7()
    row = write(CHANNEL, event_id=event)
    assert Notification.objects.get(pk=row.pk).event_id == event != row.public_id


def test_an_event_id_is_set_in_bulk_creation_too(db):
    rows = Notification.objects.bulk_create(Notification(channel=CHANNEL, title=t, message="x") for t in "ab")
    assert [row.event_id for row in rows] == [row.public_id for row in rows]
    assert rows[0].event_id != rows[1].event_id


def many(channel, **fields):
    Notification.objects.bulk_create([Notification(channel=channel, **{"title": "t", "message": "m"} | fields)])


def changed(channel, **fields):
    Notification.objects.filter(pk=write(channel).pk).update(**fields)


def nested(levels: int) -> dict:
    return {"a": nested(levels - 1)} if levels else {}


@pytest.mark.parametrize("write_it", [write, many, changed])
@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"title": "x" * 101},
        {"title": "duas\nlinhas"},
        {"title": "\x00"},
        {"title": "\u202eodatse"},
        {"message": ""},
        {"message": "x" * 501},
        {"message": "x" * 1_001},
        {"message": "sino\x07"},
        {"link": "javascript:alert(1)"},
        {"link": "data:text/html,x"},
        {"link": " /x"},
        {"link": "//mal.example/"},
        {"link": "/\\mal.example/"},
        {"link": "https://mal.example/"},
        {"link": "/x\n"},
        {"link": "/" + "x" * 500},
        {"data": ["a"]},
        {"data": "texto"},
        {"data": {"a": "x" * 4_096}},
        {"data": {"a": float("nan")}},
        {"data": {"a": "\x00"}},
        {"data": {"a": "\ud800"}},
        {"data": nested(300)},
        {"expires_at": datetime(9999, 12, 31, 23, 59, tzinfo=timezone.get_fixed_timezone(-60))},
    ],
    ids=lambda fields: ascii(fields)[:40],
)
def test_what_may_not_be_sent_is_refused_however_it_is_written(db, write_it, fields):
    with pytest.raises((ValueError, IntegrityError, OverflowError)), transaction.atomic():
        write_it(OF_SOMEBODY, **fields)


@pytest.mark.parametrize("write_it", [write, many, changed])
def test_what_just_fits_is_written(db, write_it, settings):
    settings.ALLOWED_HOSTS = ["semtas.example"]
    fits = {"data": {"a": "x" * (4_096 - len('{"a": ""}'))}, "link": "https://semtas.example/x"}
    write_it(OF_SOMEBODY, title="ã" * 100, message="ã" * 500, **fits)
    write_it(CHANNEL, message="ã" * 1_000, data=nested(15))
    with pytest.raises(ValueError, match="message: tem mais de 1000 caracteres"):
        write_it(CHANNEL, message="ã" * 1_001)


def test_ids_grow_with_time_and_are_of_version_7():
    ids = [uuid7() for _ in range(1000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {(type(each), each.version) for each in ids} == {(uuid.UUID, 7)}


def test_two_rows_never_share_a_seq(row):
    other = write(CHANNEL)
    Notification.objects.filter(pk=row.pk).update(seq=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.filter(pk=other.pk).update(seq=1)


@pytest.mark.parametrize("role", Role.of_a_unit())
def test_a_role_of_a_unit_needs_one(role, ana):
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(person=ana, role=role)
    with pytest.raises(ValidationError, match="têm uma unidade"):
        Membership(person=ana, role=role).full_clean()


@pytest.mark.parametrize("role", WITHOUT_UNIT)
def test_a_role_without_a_unit_refuses_one(role, ana, cras_norte):
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(person=ana, role=role, unit=cras_norte)


@pytest.mark.parametrize("role", Role)
def test_every_role_can_be_held_the_right_way(role, ana, cras_sul):
    unit = cras_sul if role in Role.of_a_unit() else None
    membership = Membership(person=ana, role=role, unit=unit)
    membership.full_clean()
    membership.save()
    assert ana.memberships.filter(role=role, unit=unit).count() == 1


def test_nobody_holds_one_role_twice_in_one_unit(ana, cras_norte):
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(person=ana, role=Role.TECNICO, unit=cras_norte)


def test_nobody_holds_a_role_without_a_unit_twice(db):
    person = make_person("gil", Role.GESTOR)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(person=person, role=Role.GESTOR)


def test_one_person_may_hold_one_role_in_two_units(ana, cras_sul):
    Membership.objects.create(person=ana, role=Role.TECNICO, unit=cras_sul)
    assert ana.memberships.count() == 2


def test_people_and_memberships_begin_at_the_head_of_the_log(cras_norte):
    for _ in range(3):
        write(CHANNEL)
    stamp_all()
    person = make_person("dora", Role.TECNICO, cras_norte)
    assert Person.objects.get(pk=person.pk).since == LogHead.objects.get(pk=1).seq == 3
    assert person.memberships.get().since == 3


def test_a_position_in_the_log_is_not_the_creators_to_choose(db):
    LogHead.objects.filter(pk=1).update(seq=5)
    assert Person.objects.create(username="eva", since=1).since == 5


def test_many_at_once_begin_at_the_head_without_a_statement_for_each(cras_norte, django_assert_num_queries):
    LogHead.objects.filter(pk=1).update(seq=5)
    with django_assert_num_queries(2):
        people = Person.objects.bulk_create(Person(username=f"p{n}") for n in range(20))
        held = Membership.objects.bulk_create(
            Membership(person=person, role=Role.TECNICO, unit=cras_norte) for person in people
        )
    assert {each.since for each in (*people, *held)} == {5}
    assert set(Person.objects.filter(username__startswith="p").values_list("since", flat=True)) == {5}


def test_a_position_stays_when_the_row_is_saved_later(ana):
    membership = ana.memberships.get()
    LogHead.objects.filter(pk=1).update(seq=41)
    ana.save()
    membership.save()
    assert Person.objects.get(pk=ana.pk).since == 0
    assert Membership.objects.get(pk=membership.pk).since == 0


def test_a_log_without_a_head_counts_as_empty(db):
    LogHead.objects.all().delete()
    assert Person.objects.create(username="eva").since == 0


def test_people_and_units_get_opaque_ids_of_their_own(ana, bia, cras_norte, cras_sul):
    ids = [each.public_id for each in (ana, bia, cras_norte, cras_sul)]
    assert len(set(ids)) == 4
    assert {len(each) for each in ids} == {16}
    assert not any(str(name) in each for each in ids for name in ("ana", "bia", "CRAS"))


@pytest.mark.parametrize("percent", [-0.1, 100.1])
def test_a_percent_outside_0_to_100_is_refused(percent, db):
    with pytest.raises(IntegrityError), transaction.atomic():
        RolloutFlag.objects.filter(name="ably").update(percent=percent)
