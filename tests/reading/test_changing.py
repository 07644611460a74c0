"""Reading state: what each act does, for whom, and what it leaves as it was."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from notificacao import audiences, eventlog, reading, wakes
from notificacao.eventlog import Cursor, ResyncNeeded
from notificacao.models import Membership, Notification, ReadMark, Receipt, Role, StreamChange
from notificacao.models.notification import uuid7
from notificacao.reading import Filter, NotFound, Reader
from tests.rows import write
from tests.stamping import fill
from tests.touched import forget_changes

ACTS = [reading.mark_read, reading.mark_unread, reading.archive, reading.unarchive, reading.acknowledge]


def here(seq):
    return Cursor(eventlog.position().epoch, seq)


def titles(person, **filters):
    return [row.title for row in Reader(person).inbox(Filter(**filters)).order_by("seq")]


def entry(person, row):
    return Reader(person).entries([row])[0]


def test_what_is_marked_read_is_read_and_no_longer_counted(ana, of_ana):
    first, second = fill(of_ana, of_ana)
    assert reading.unread_of(ana) == 2
    assert reading.mark_read(ana, first.public_id) == 1
    assert (entry(ana, first).read, entry(ana, second).read) == (True, False)
    assert Receipt.objects.get().read_at is not None


def test_what_is_marked_unread_counts_again_even_below_the_mark(ana, of_ana):
    first, _ = fill(of_ana, of_ana)
    assert reading.mark_all_read(ana, eventlog.position()).unread == 0
    assert reading.mark_unread(ana, first.public_id) == 1
    assert entry(ana, first).read is False
    assert Receipt.objects.get().read_at is None
    assert list(Reader(ana).inbox(Filter(unread=True))) == [first]


def test_what_is_archived_leaves_the_inbox_and_the_count_and_is_found_in_the_archive(ana, of_ana):
    first, second = fill(of_ana, of_ana)
    assert reading.archive(ana, first.public_id) == 1
    assert list(Reader(ana).inbox()) == [second]
    assert list(Reader(ana).inbox(Filter(archived=True))) == [first]
    assert entry(ana, first).archived is True
    assert entry(ana, first).read is False


def test_what_is_unarchived_is_back_in_the_inbox_as_it_was(ana, of_ana):
    read, unread = fill(of_ana, of_ana)
    reading.mark_read(ana, read.public_id)
    for row in (read, unread):
        reading.archive(ana, row.public_id)
    assert reading.unarchive(ana, read.public_id) == 0
    assert reading.unarchive(ana, unread.public_id) == 1
    assert [entry(ana, row).read for row in (read, unread)] == [True, False]
    assert titles(ana, archived=True) == []
    assert len(titles(ana)) == 2


def test_what_was_marked_unread_and_then_archived_is_not_counted_though_it_lies_below_the_mark(ana, of_ana):
    (row,) = fill(of_ana)
    reading.mark_all_read(ana, eventlog.position())
    reading.mark_unread(ana, row.public_id)
    assert reading.archive(ana, row.public_id) == 0


def test_an_acknowledgement_is_on_record_and_reads(ana, of_ana):
    (row,) = fill(of_ana)
    assert reading.acknowledge(ana, row.public_id) == 0
    assert (entry(ana, row).read, entry(ana, row).acknowledged) == (True, True)
    assert Receipt.objects.get().formally_acknowledged_at is not None


def test_an_act_leaves_what_others_wrote_in_the_same_receipt(ana, of_ana):
    (row,) = fill(of_ana)
    Receipt.objects.create(person=ana, notification=row, delivered_at=timezone.now(), transport="sse", latency_ms=12)
    reading.acknowledge(ana, row.public_id)
    reading.archive(ana, row.public_id)
    reading.mark_unread(ana, row.public_id)
    receipt = Receipt.objects.get()
    assert (receipt.transport, receipt.latency_ms, receipt.read) == ("sse", 12, False)
    assert receipt.archived_at is not None
    assert receipt.formally_acknowledged_at is not None


@pytest.mark.parametrize("act", ACTS)
def test_an_act_done_twice_is_done_once(ana, of_ana, act):
    row, _ = fill(of_ana, of_ana)
    assert act(ana, row.public_id) == act(ana, row.public_id)
    assert Receipt.objects.count() == 1


def test_a_units_notice_that_ana_read_stays_unread_for_bia(ana, bia, norte):
    (row,) = fill(norte)
    assert reading.mark_read(ana, row.public_id) == 0
    assert reading.unread_of(bia) == 1
    assert (entry(ana, row).read, entry(bia, row).read) == (True, False)
    assert reading.mark_all_read(bia, eventlog.position()).unread == 0
    assert reading.mark_unread(ana, row.public_id) == 1
    assert reading.unread_of(bia) == 0


def test_mark_all_makes_no_row_for_each_notification(ana, of_ana, norte, django_assert_max_num_queries):
    fill(*[of_ana] * 30, *[norte] * 30)
    assert reading.unread_of(ana) == 60
    with django_assert_max_num_queries(21):
        assert reading.mark_all_read(ana, eventlog.position()).unread == 0
    assert not Receipt.objects.exists()
    marked = set(ReadMark.objects.filter(person=ana).values_list("channel", flat=True))
    assert marked == {of_ana, norte, audiences.SYSTEM_CHANNEL}


def test_mark_all_up_to_an_earlier_place_leaves_what_came_later_unread(ana, of_ana, norte):
    rows = fill(of_ana, norte, of_ana, norte)
    assert reading.mark_all_read(ana, here(rows[1].seq)).unread == 2
    assert list(Reader(ana).inbox(Filter(unread=True)).order_by("seq")) == rows[2:]


def test_a_mark_never_goes_back(ana, of_ana):
    rows = fill(of_ana, of_ana)
    assert reading.mark_all_read(ana, here(rows[1].seq)).unread == 0
    assert reading.mark_all_read(ana, here(rows[0].seq)).unread == 0
    assert ReadMark.objects.get(channel=of_ana).seq == rows[1].seq


def test_mark_all_reads_also_what_was_kept_unread_but_only_up_to_its_place(ana, bia, norte):
    early, late = fill(norte, norte)
    reading.mark_unread(ana, early.public_id)
    reading.mark_unread(ana, late.public_id)
    reading.mark_unread(bia, early.public_id)
    assert reading.mark_all_read(ana, here(early.seq)).unread == 1
    assert (entry(ana, early).read, entry(ana, late).read, entry(bia, early).read) == (True, False, False)
    assert reading.mark_all_read(ana, here(late.seq)).unread == 0


def test_what_comes_after_mark_all_is_unread(ana, of_ana):
    fill(of_ana)
    reading.mark_all_read(ana, eventlog.position())
    fill(of_ana)
    assert reading.unread_of(ana) == 1


@pytest.mark.parametrize("place", ["beyond", "other life"])
def test_mark_all_refuses_a_place_that_is_not_in_this_log(ana, of_ana, place):
    (row,) = fill(of_ana)
    up_to = here(row.seq + 1) if place == "beyond" else Cursor("0", row.seq)
    with pytest.raises(ResyncNeeded):
        reading.mark_all_read(ana, up_to)
    assert reading.unread_of(ana) == 1
    assert not ReadMark.objects.exists()


def test_an_event_on_two_channels_counts_once_and_is_shown_once_and_read_at_once(ana, bia, of_ana, norte):
    by_ana, by_unit = fill(of_ana, norte, event_id=uuid7())
    assert reading.unread_of(ana) == 1
    assert list(Reader(ana).inbox()) == [by_ana]
    assert reading.mark_read(ana, by_unit.public_id) == 0
    assert (entry(ana, by_ana).read, entry(ana, by_unit).read) == (True, True)
    assert reading.mark_unread(ana, by_ana.public_id) == 1
    assert reading.archive(ana, by_unit.public_id) == 0
    assert not Reader(ana).inbox().exists()
    assert list(Reader(bia).inbox(Filter(unread=True))) == [by_unit]


def test_an_event_whose_rows_lie_on_both_sides_of_the_mark_is_read(ana, of_ana, norte):
    by_ana, _ = fill(of_ana, norte, event_id=uuid7())
    assert reading.mark_all_read(ana, here(by_ana.seq)).unread == 0
    assert not Reader(ana).inbox(Filter(unread=True)).exists()


def test_an_event_on_two_channels_is_found_under_either_of_them(ana, of_ana, norte):
    by_ana, by_unit = fill(of_ana, norte, event_id=uuid7())
    assert list(Reader(ana).inbox(Filter(channel=of_ana))) == [by_ana]
    assert list(Reader(ana).inbox(Filter(channel=norte))) == [by_unit]
    assert not Reader(ana).inbox(Filter(channel="private:unit:other:notifications")).exists()


def test_rows_from_before_the_membership_are_neither_seen_nor_counted(caio, cras_norte, norte):
    (before,) = fill(norte, title="Antes")
    Membership.objects.create(person=caio, role=Role.TECNICO, unit=cras_norte)
    fill(norte, title="Depois")
    assert titles(caio) == ["Depois"]
    assert reading.unread_of(caio) == 1
    with pytest.raises(NotFound):
        reading.mark_read(caio, before.public_id)


def test_what_was_kept_unread_under_an_earlier_membership_is_not_counted_under_a_later_one(ana, cras_norte, norte):
    (row,) = fill(norte)
    reading.mark_unread(ana, row.public_id)
    ana.memberships.all().delete()
    assert reading.unread_of(ana) == 0
    Membership.objects.create(person=ana, role=Role.TECNICO, unit=cras_norte)
    assert reading.unread_of(ana) == 0
    assert titles(ana) == []


def test_what_expired_is_neither_seen_nor_counted_nor_to_be_changed(ana, of_ana):
    gone, alive, kept = fill(of_ana, of_ana, of_ana)
    reading.mark_all_read(ana, eventlog.position())
    for row in (gone, alive, kept):
        reading.mark_unread(ana, row.public_id)
    Notification.objects.filter(pk=gone.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    Notification.objects.filter(pk=alive.pk).update(expires_at=timezone.now() + timedelta(days=1))
    assert reading.unread_of(ana) == 2
    assert list(Reader(ana).inbox().order_by("seq")) == [alive, kept]
    with pytest.raises(NotFound):
        reading.archive(ana, gone.public_id)


def test_what_expired_beyond_the_mark_is_not_counted(ana, of_ana):
    fill(of_ana, expires_at=timezone.now() - timedelta(seconds=1))
    fill(of_ana)
    assert reading.unread_of(ana) == 1


def test_what_is_not_stamped_yet_is_neither_seen_nor_counted(ana, of_ana):
    row = write(of_ana)
    assert reading.unread_of(ana) == 0
    assert not Reader(ana).inbox().exists()
    with pytest.raises(NotFound):
        reading.mark_read(ana, row.public_id)


@pytest.mark.parametrize("act", ACTS)
def test_what_is_not_theirs_looks_like_what_does_not_exist(ana, caio, of_ana, norte, act):
    for public_id in [*(row.public_id for row in fill(of_ana, norte)), uuid.uuid4()]:
        with pytest.raises(NotFound, match=str(public_id)):
            act(caio, public_id)
    assert not Receipt.objects.exists()


def test_an_inactive_person_reads_nothing(ana, of_ana):
    (row,) = fill(of_ana)
    ana.is_active = False
    ana.save()
    assert reading.unread_of(ana) == 0
    with pytest.raises(NotFound):
        reading.mark_read(ana, row.public_id)


@pytest.mark.parametrize("act", [*ACTS, lambda person, _: reading.mark_all_read(person, eventlog.position())])
def test_each_change_has_the_hubs_count_again_once_it_is_committed(
    ana, bia, act, monkeypatch, django_capture_on_commit_callbacks
):
    topics = []
    (row,) = fill(audiences.channel_for_user(ana))
    forget_changes()
    monkeypatch.setattr(wakes, "wake", topics.append)
    with django_capture_on_commit_callbacks(execute=True):
        act(ana, row.public_id)
        assert topics == []
    assert topics == [wakes.HUBS]
    assert set(StreamChange.objects.values_list("kind", "person_id")) == {("reading", ana.pk)}
