"""Cursors, resync, and reading what lies after a cursor."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from notificacao import eventlog
from notificacao.eventlog import Cursor, InvalidCursor, ResyncNeeded
from notificacao.models import Channel, LogHead, Notification
from tests.rows import write
from tests.stamping import stamp_all

A, B, C = "private:unit:a:notifications", "private:unit:b:notifications", "private:unit:c:notifications"
ALL = {A: 0, B: 0}


@pytest.fixture
def epoch(db):
    LogHead.objects.filter(pk=1).update(epoch="cafe01")
    return "cafe01"


def fill(*channels):
    """One stamped row for each of `channels`, in that order; seqs are 1, 2, 3…"""
    for channel in channels:
        write(channel)
    stamp_all()


def seqs(page):
    return [row.seq for row in page.rows]


@given(st.from_regex(r"[0-9a-f]{1,16}", fullmatch=True), st.integers(0, 2**63 - 1))
def test_what_a_cursor_prints_it_parses(epoch, seq):
    assert Cursor.parse(str(Cursor(epoch, seq))) == Cursor(epoch, seq)


@given(st.one_of(st.text(), st.from_regex(r"[0-9a-f]{0,18}[.,]?-?[0-9]{0,22}\n?", fullmatch=True)))
def test_any_text_is_either_refused_or_the_cursor_that_prints_just_so(text):
    try:
        cursor = Cursor.parse(text)
    except InvalidCursor:
        return
    assert str(cursor) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "5",
        "cafe01",
        "cafe01.",
        ".5",
        "cafe01.-1",
        "cafe01.+1",
        "cafe01.05",
        "cafe01.5 ",
        "cafe01.5\n",
        "cafe01.5.6",
        "cafe01.1e3",
        "cafe01.1_0",
        "cafe01.٥",
        "CAFE01.5",
        "cafeg.5",
        "0123456789abcdef0.5",
        "cafe01.12345678901234567890",
    ],
)
def test_what_is_not_epoch_and_seq_is_refused(text):
    with pytest.raises(InvalidCursor, match="não é um cursor"):
        Cursor.parse(text)


def test_a_refusal_quotes_no_more_than_forty_characters():
    with pytest.raises(InvalidCursor) as refusal:
        Cursor.parse("z" * 5000)
    assert len(str(refusal.value)) < 150


def test_the_position_is_the_epoch_and_the_last_seq(epoch):
    assert eventlog.position() == Cursor(epoch, 0)
    fill(A, B)
    assert eventlog.position() == Cursor(epoch, 2)


def test_a_row_not_stamped_yet_moves_no_head(epoch):
    write(A)
    assert eventlog.position() == Cursor(epoch, 0)
    assert eventlog.heads(ALL) == {A: 0, B: 0}


def test_heads_are_the_last_seq_of_each_channel_asked_for_and_of_no_other(epoch):
    fill(A, B, A)
    assert eventlog.heads({A: 0, C: 7}) == {A: 3, C: 0}


def test_a_cursor_from_the_start_to_the_head_is_answered(epoch):
    fill(A, A)
    for seq in range(3):
        assert eventlog.check(Cursor(epoch, seq)) == Cursor(epoch, 2)


@pytest.mark.parametrize(
    ("cursor", "why"),
    [
        (Cursor("beef02", 2), "another epoch"),
        (Cursor("cafe01", 4), "beyond the head"),
        (Cursor("cafe01", 9999999999999999999), "beyond every integer of the database"),
        (Cursor("cafe01", 0), "trimmed"),
    ],
)
def test_a_cursor_the_log_cannot_answer_asks_for_a_resync_from_the_head(cursor, why, epoch):
    fill(A, A, A)
    LogHead.objects.filter(pk=1).update(trimmed_to=1)
    for ask in (eventlog.check, lambda cursor: eventlog.read_after(cursor, ALL, 10)):
        with pytest.raises(ResyncNeeded) as needed:
            ask(cursor)
        assert needed.value.position == Cursor(epoch, 3), why


def test_a_cursor_at_the_very_place_of_the_trim_lacks_nothing(epoch):
    fill(A, A, A)
    LogHead.objects.filter(pk=1).update(trimmed_to=1)
    Notification.objects.filter(seq=1).delete()
    assert seqs(eventlog.read_after(Cursor(epoch, 1), ALL, 10)) == [2, 3]


def test_reading_gives_the_rows_after_the_cursor_in_order(epoch):
    fill(A, B, A, B)
    page = eventlog.read_after(Cursor(epoch, 1), ALL, 10)
    assert seqs(page) == [2, 3, 4]
    assert (page.complete_to, page.more) == (Cursor(epoch, 4), False)


def test_reading_at_the_head_gives_nothing_and_is_complete(epoch):
    fill(A)
    page = eventlog.read_after(Cursor(epoch, 1), ALL, 10)
    assert (page.rows, page.complete_to, page.more) == ([], Cursor(epoch, 1), False)


def test_a_full_page_is_complete_to_its_last_row_and_tells_that_there_is_more(epoch):
    fill(A, C, A, A)
    page = eventlog.read_after(Cursor(epoch, 0), ALL, 2)
    assert seqs(page) == [1, 3]
    assert (page.complete_to, page.more) == (Cursor(epoch, 3), True)


def test_a_page_that_just_fits_is_complete_to_the_head(epoch):
    fill(A, A, C)
    page = eventlog.read_after(Cursor(epoch, 0), ALL, 2)
    assert seqs(page) == [1, 2]
    assert (page.complete_to, page.more) == (Cursor(epoch, 3), False)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_page_after_page_gives_each_permitted_row_once(limit, epoch):
    fill(A, C, B, A, C, C, A, B, C)
    cursor, read, more = Cursor(epoch, 0), [], True
    while more:
        page = eventlog.read_after(cursor, ALL, limit)
        read += seqs(page)
        cursor, more = page.complete_to, page.more
    assert read == [1, 3, 4, 7, 8]
    assert cursor == eventlog.position()


def test_nothing_beyond_up_to_is_read_and_the_page_is_complete_to_there(epoch):
    fill(A, A, A, A)
    page = eventlog.read_after(Cursor(epoch, 1), ALL, 10, up_to=Cursor(epoch, 3))
    assert seqs(page) == [2, 3]
    assert (page.complete_to, page.more) == (Cursor(epoch, 3), False)


@pytest.mark.parametrize("up_to", [Cursor("cafe01", 99), Cursor("beef02", 1), None])
def test_an_up_to_beyond_the_head_or_of_another_epoch_is_the_head(up_to, epoch):
    fill(A, A)
    page = eventlog.read_after(Cursor(epoch, 0), ALL, 10, up_to=up_to)
    assert seqs(page) == [1, 2]
    assert page.complete_to == Cursor(epoch, 2)


def test_a_channel_not_heard_is_not_read(epoch):
    fill(A, C, A)
    assert seqs(eventlog.read_after(Cursor(epoch, 0), {C: 0}, 10)) == [2]
    assert seqs(eventlog.read_after(Cursor(epoch, 0), {}, 10)) == []


def test_a_channel_is_read_only_after_its_since_whatever_the_cursor(epoch):
    fill(A, B, A, B, A)
    assert seqs(eventlog.read_after(Cursor(epoch, 0), {A: 3, B: 2}, 10)) == [4, 5]
    assert seqs(eventlog.read_after(Cursor(epoch, 0), {A: 5, B: 0}, 10)) == [2, 4]


def test_channels_are_compared_whole_and_not_as_patterns(epoch):
    fill(A)
    for name in ("private:unit:%:notifications", "private:unit:_:notifications", "private:unit:a", A.upper(), "*"):
        assert seqs(eventlog.read_after(Cursor(epoch, 0), {name: 0}, 10)) == []


def test_what_has_expired_is_not_read_but_the_page_is_complete_beyond_it(epoch):
    now = timezone.now()
    write(A, expires_at=now + timedelta(hours=1))
    write(A, expires_at=now - timedelta(seconds=1))
    write(A)
    write(A, expires_at=now - timedelta(days=1))
    stamp_all()
    page = eventlog.read_after(Cursor(epoch, 0), ALL, 10)
    assert seqs(page) == [1, 3]
    assert (page.complete_to, page.more) == (Cursor(epoch, 4), False)


def test_rows_not_stamped_yet_are_not_read(epoch):
    fill(A)
    write(A)
    assert seqs(eventlog.read_after(Cursor(epoch, 0), ALL, 10)) == [1]
    assert eventlog.permitted(ALL).count() == 1


def test_a_page_costs_two_queries_however_many_channels_are_heard(epoch, django_assert_num_queries):
    fill(A, B)
    many = {f"private:unit:u{number}:notifications": number % 3 for number in range(300)} | ALL
    with django_assert_num_queries(2):
        assert seqs(eventlog.read_after(Cursor(epoch, 0), many, 10)) == [1, 2]


def test_stamping_chains_the_rows_of_a_channel_up_to_its_head(epoch):
    fill(A, B, A, A)
    chain = list(Notification.objects.filter(channel=A).order_by("seq").values_list("prev_seq", "seq"))
    assert chain == [(0, 1), (1, 3), (3, 4)]
    assert Channel.objects.get(pk=A).head == 4
