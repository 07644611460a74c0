"""How far a notification came: whom it was for, who has it, read it, acknowledged it, and who lacks it."""

import uuid

import pytest
from django.utils import timezone

from notificacao import audiences, eventlog, receipts
from notificacao.models import LogHead, Membership, Receipt, Role
from notificacao.reading import acknowledge, mark_all_read, mark_read, reach
from notificacao.reading.reach import Lacking
from tests.plans import plan_of
from tests.rows import write_stamped

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(ana, bia, cras_norte):
    """A notice for the unit of ana and bia."""
    return write_stamped(7, audiences.channel_for_unit(cras_norte), priority="alta", stamped_at=timezone.now())


def names(people):
    return [person.username for person in people]


def deliver(person, row, transport="sse"):
    receipts.record(person, [receipts.Delivery(row.public_id, transport, held_ms=0)])


def test_a_notice_is_for_the_unit_s_people_and_nobody_else(notice, ana, bia, caio):
    assert names(reach.people_of(notice)) == ["ana", "bia"]
    assert reach.reached(notice) == reach.Reached(audience=2, delivered=0, read=0, acknowledged=0, ways=[])


@pytest.mark.postgres
def test_whom_it_was_for_is_found_without_asking_each_person(notice):
    assert "SubPlan" not in plan_of(reach.people_of(notice).order_by().values("pk"))


def test_what_became_of_it_is_counted_by_person(notice, ana, bia):
    deliver(ana, notice)
    deliver(bia, notice, "ably")
    acknowledge(ana, notice.public_id)
    reached = reach.reached(notice)
    assert (reached.audience, reached.delivered, reached.read, reached.acknowledged) == (2, 2, 1, 1)
    assert {(way.transport, way.delivered) for way in reached.ways} == {("sse", 1), ("ably", 1)}


def test_reading_all_counts_as_reading_it(notice, ana, bia):
    LogHead.objects.update(seq=7)
    mark_all_read(ana, eventlog.position())
    mark_read(bia, notice.public_id)
    assert reach.reached(notice).read == 2
    assert not reach.lacking(reach.people_of(notice), Lacking.READING)


def test_who_lacks_it_is_named(notice, ana, bia):
    deliver(ana, notice)
    acknowledge(bia, notice.public_id)
    people = reach.people_of(notice)
    assert names(reach.lacking(people, Lacking.DELIVERY)) == ["bia"]
    assert names(reach.lacking(people, Lacking.READING)) == ["ana"]
    assert names(reach.lacking(people, Lacking.ACKNOWLEDGEMENT)) == ["ana"]


def test_who_came_later_was_not_to_get_it(notice, caio, cras_norte):
    Membership.objects.create(person=caio, role=Role.TECNICO, unit=cras_norte)
    Membership.objects.filter(person=caio).update(since=7)
    assert "caio" not in names(reach.people_of(notice))


def test_who_had_it_and_left_is_still_told_but_lacks_nothing(notice, ana):
    deliver(ana, notice)
    Membership.objects.filter(person=ana).delete()
    people = {person.username: person for person in reach.people_of(notice)}
    assert not people["ana"].still_sees
    assert people["ana"].delivered_at
    assert names(reach.lacking(reach.people_of(notice), Lacking.READING)) == ["bia"]


def test_a_personal_one_is_for_that_person_alone(ana, bia):
    row = write_stamped(3, audiences.channel_for_user(ana))
    assert names(reach.people_of(row)) == ["ana"]


def test_one_for_everybody_is_for_those_who_were_there(ana, bia, caio):
    type(ana).objects.filter(pk=caio.pk).update(since=9)
    row = write_stamped(8)
    assert set(names(reach.people_of(row))) == {"ana", "bia"}


def test_people_come_in_batches_each_once(notice, monkeypatch):
    monkeypatch.setattr(reach, "_BATCH", 1)
    assert sorted(names(reach.in_batches(notice))) == ["ana", "bia"]


def test_another_notification_s_receipts_do_not_count(notice, ana, cras_norte):
    other = write_stamped(8, audiences.channel_for_unit(cras_norte), public_id=uuid.uuid4())
    Receipt.objects.create(person=ana, notification=other, read=True)
    assert reach.reached(notice).read == 0
