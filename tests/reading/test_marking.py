"""Mark as read what a list shows, all at once: nothing else, counted before, undone after."""

from dataclasses import replace

import pytest

from notificacao import audiences, eventlog, reading
from notificacao.eventlog import Cursor
from notificacao.models import Notification, ReadMark, Receipt
from notificacao.reading import Filter, Reader
from tests.stamping import fill

ALL = Filter()
PENDING = Filter(kinds=("pendencia",))


def here(seq=None):
    now = eventlog.position()
    return now if seq is None else Cursor(now.epoch, seq)


def unread(person, wanted=ALL):
    return set(Reader(person).inbox(replace(wanted, unread=True)))


@pytest.fixture
def rows(of_ana, norte):
    """Two of each kind, on both of ana's channels."""
    rows = fill(of_ana, norte, of_ana, norte)
    Notification.objects.filter(pk__in=[row.pk for row in rows[:2]]).update(kind="pendencia")
    Notification.objects.filter(pk__in=[row.pk for row in rows[2:]]).update(kind="sistema")
    return rows


def test_a_filter_is_kept_to_and_what_it_leaves_out_stays_unread(ana, rows):
    assert reading.count_unread(ana, here(), PENDING) == 2
    marked = reading.mark_all_read(ana, here(), PENDING)
    assert (marked.marked, marked.unread) == (2, 2)
    assert unread(ana) == set(rows[2:])
    assert not ReadMark.objects.exists()


@pytest.mark.parametrize(
    "wanted",
    [Filter(), Filter(unread=True), PENDING, Filter(search="titulo nenhum"), Filter(archived=True), "unit", "title"],
)
def test_each_list_is_read_as_far_as_it_shows_it_and_undone_to_what_it_was(ana, rows, norte, wanted):
    """The others' state is compared one by one: nothing that the list does not show is touched."""
    wanted = {"unit": Filter(channel=norte), "title": Filter(search=rows[0].title)}.get(wanted, wanted)
    reading.archive(ana, rows[0].public_id)
    reading.mark_read(ana, rows[1].public_id)
    reading.mark_all_read(ana, here(rows[1].seq))
    reading.mark_unread(ana, rows[1].public_id)

    def state():
        return {row: entry.read for row, entry in zip(rows, Reader(ana).entries(rows), strict=True)}

    before, shown = state(), unread(ana, wanted)
    assert reading.count_unread(ana, here(), wanted) == len(shown)
    marked = reading.mark_all_read(ana, here(), wanted)
    assert marked.marked == len(shown)
    assert state() == {row: was or row in shown for row, was in before.items()}
    assert reading.undo_marking(ana, marked.undo) == reading.unread_of(ana)
    assert state() == before


def test_what_came_after_the_page_was_made_stays_unread(ana, rows):
    marked = reading.mark_all_read(ana, here(rows[0].seq), PENDING)
    assert (marked.marked, unread(ana)) == (1, set(rows[1:]))


def test_an_event_on_two_channels_is_read_and_undone_in_both(ana, of_ana, norte):
    first, second = fill(of_ana, norte)
    Notification.objects.filter(pk=second.pk).update(event_id=first.event_id)
    marked = reading.mark_all_read(ana, here(), Filter(channel=of_ana))
    assert (marked.marked, marked.unread) == (1, 0)
    assert {entry.read for entry in Reader(ana).entries([first, second])} == {True}
    assert reading.undo_marking(ana, marked.undo) == 1


def test_undone_late_it_leaves_what_was_done_since(ana, rows):
    marked = reading.mark_all_read(ana, here())
    reading.mark_unread(ana, rows[0].public_id)
    reading.mark_read(ana, rows[0].public_id)
    again = reading.mark_all_read(ana, here())
    assert again.marked == 0
    assert reading.undo_marking(ana, marked.undo) == 3
    assert unread(ana) == set(rows[1:])


def test_it_is_undone_for_that_person_alone_and_once(ana, bia, norte):
    fill(norte)
    marked = reading.mark_all_read(ana, here())
    Receipt.objects.filter(person=bia).update(read_at=marked.undo, read=True)
    assert reading.undo_marking(bia, marked.undo) == 1
    assert reading.unread_of(ana) == 0
    reading.undo_marking(ana, marked.undo)
    reading.mark_all_read(ana, here())
    assert reading.undo_marking(ana, marked.undo) == 0


def test_of_a_long_list_the_newest_are_marked_and_so_many_are_told(ana, of_ana, monkeypatch):
    monkeypatch.setattr("notificacao.reading.marking.MOST", 3)
    monkeypatch.setattr("notificacao.reading.marking._BATCH", 2)
    rows = fill(*[of_ana] * 5)
    wanted = Filter(channel=of_ana)
    assert reading.count_unread(ana, here(), wanted) == 3
    assert reading.mark_all_read(ana, here(), wanted).marked == 3
    assert unread(ana) == set(rows[:2])


def test_a_person_without_channels_marks_nothing(caio):
    caio.memberships.all().delete()
    marked = reading.mark_all_read(caio, here(), Filter(channel=audiences.SYSTEM_CHANNEL))
    assert (marked.marked, marked.unread) == (0, 0)
