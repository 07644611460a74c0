"""A stream's bounded buffer, and how a listener's unread count follows rows and the database."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notificacao.log import Cursor
from notificacao.stream import frames
from notificacao.stream.authorisation import Grant
from notificacao.stream.listeners import Lane, Listener, Stream


def grant(unread=0, seq=100, channels=None):
    return Grant(
        person_pk=1,
        channels=channels or {"a": 0},
        heads={},
        position=Cursor("0a1b", seq),
        unread=unread,
        assigned=False,
        transport="sse",
    )


def stream(lane=Lane.LIVE, limit=100):
    return Stream(lane, "chave", "", limit=limit)


def listener(unread=0, seq=100):
    held = grant(unread, seq)
    return Listener(held, held.unread, counted_to=seq)


def test_what_is_written_is_taken_once_in_order():
    one = stream()
    one.write(b"a\n\n")
    one.write(b"b\n\n")
    assert one.wanted.is_set()
    assert one.take() == b"a\n\nb\n\n"
    assert one.take() == b""
    assert not one.wanted.is_set()


def test_a_buffer_may_be_filled_to_its_limit():
    one = stream(limit=10)
    one.write(b"x" * 10)
    assert not one.ended
    assert one.take() == b"x" * 10


def test_a_reader_who_leaves_more_than_the_limit_is_sent_away_with_nothing_else():
    one = stream(limit=10)
    one.write(b"x" * 6)
    one.write(b"x" * 5)
    assert one.ended
    assert one.take() == frames.bye("slow", 1_000)


def test_a_reader_who_keeps_up_may_be_sent_any_amount():
    one = stream(limit=10)
    taken = []
    for _ in range(50):
        one.write(b"x" * 9)
        taken.append(one.take())
    assert not one.ended
    assert taken == [b"x" * 9] * 50


def test_nothing_follows_a_goodbye_and_the_first_reason_stands():
    one = stream()
    one.write(b"a\n\n")
    one.end("drain", after_ms=7)
    one.end("limit", after_ms=60_000)
    one.write(b"b\n\n")
    assert one.take() == b"a\n\n" + frames.bye("drain", 7)
    assert one.wanted.is_set() is False


@given(st.lists(st.one_of(st.integers(min_value=1, max_value=60), st.none()), max_size=60))
def test_a_stream_never_holds_more_than_its_limit_and_one_goodbye(steps):
    """A number is a frame of that length, None a reader who takes."""
    one = stream(limit=100)
    most = 100 + len(frames.bye("slow", 1_000))
    for step in steps:
        if step is not None:
            one.write(b"x" * step)
            continue
        assert len(one.take()) <= most
    rest = one.take()
    assert len(rest) <= most
    if one.ended and rest:
        assert json.loads(rest.split(b"data: ")[1])["reason"] == "slow"


def test_a_frame_for_one_lane_stays_in_it():
    person = listener()
    live, standby = stream(), stream(Lane.STANDBY)
    person.streams += [live, standby]
    person.write(b"s\n\n", Lane.STANDBY)
    person.write(b"both\n\n")
    assert live.take() == b"both\n\n"
    assert standby.take() == b"s\n\nboth\n\n"


@pytest.mark.parametrize(
    ("channel", "seq", "may"), [("a", 11, True), ("a", 10, False), ("a", 3, False), ("b", 99, False)]
)
def test_a_shared_channel_is_heard_from_after_the_membership_began(channel, seq, may):
    person = Listener(grant(channels={"a": 10}), 0)
    assert person.may_see(channel, seq) is may


def test_each_row_that_comes_is_one_more():
    person = listener(unread=2)
    person.count(101, one_row_event=True)
    person.count(102, one_row_event=True)
    assert person.unread == 4
    assert not person.count_again


def test_a_row_that_the_database_had_counted_already_counts_once():
    person = listener(unread=2, seq=100)
    person.count(100, one_row_event=True)
    assert person.unread == 2


def test_an_event_of_several_rows_is_left_to_the_database():
    person = listener(unread=2)
    person.count(101, one_row_event=False)
    assert person.unread == 2
    assert person.count_again


def test_rows_that_come_while_the_database_counts_are_added_unless_it_saw_them():
    person = listener(unread=2, seq=100)
    person.count_again = True
    person.begin_count()
    assert not person.count_again
    person.count(101, one_row_event=True)
    person.count(102, one_row_event=True)
    person.end_count(grant(unread=9, seq=101))
    assert person.unread == 10
    person.count(103, one_row_event=True)
    assert person.unread == 11


def test_the_seqs_of_another_life_of_the_log_count_though_they_are_lower():
    person = listener(unread=2, seq=100)
    person.begin_count()
    person.count(32, one_row_event=True)
    person.end_count(grant(unread=5, seq=31))
    assert person.unread == 6


@given(before=st.integers(0, 5), seen=st.integers(0, 5), during=st.integers(0, 5), after=st.integers(0, 5))
def test_however_rows_and_the_count_interleave_none_is_lost_or_counted_twice(before, seen, during, after):
    """`seen` of the rows were in the database's answer though they came to the hub only later."""
    person = listener(unread=0, seq=0)
    seq = 0
    for _ in range(before):
        seq += 1
        person.count(seq, one_row_event=True)
    person.begin_count()
    answer = grant(unread=seq + seen, seq=seq + seen)
    for _ in range(during):
        seq += 1
        person.count(seq, one_row_event=True)
    person.end_count(answer)
    for _ in range(after + max(0, seen - during)):
        seq += 1
        person.count(seq, one_row_event=True)
    assert person.unread == seq
