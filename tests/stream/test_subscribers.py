"""A stream's bounded buffer, and how a listener's unread count follows rows and the database."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notificacao.eventlog import Cursor
from notificacao.stream import frames
from notificacao.stream.asgi_stream import AsgiStream
from notificacao.stream.authorisation import Grant
from notificacao.stream.subscribers import Lane, Subscriber


def grant(channels=None):
    return Grant(
        person_pk=1,
        channels=channels or {"a": 0},
        heads={},
        position=Cursor("0a1b", 100),
        assigned=False,
    )


def stream(lane=Lane.LIVE, limit=100):
    return AsgiStream(lane, "chave", "", limit=limit, send=None)


def subscriber(unread=0, seq=100):
    person = Subscriber(grant())
    person.end_count(unread, seq)
    return person


def test_what_is_written_is_taken_once_in_order():
    one = stream()
    one.write(b"a\n\n")
    one.write(b"b\n\n")
    assert one.wanted.is_set()
    assert one.take_queued() == b"a\n\nb\n\n"
    assert one.take_queued() == b""
    assert not one.wanted.is_set()


def test_a_buffer_may_be_filled_to_its_limit():
    one = stream(limit=10)
    one.write(b"x" * 10)
    assert not one.ended
    assert one.take_queued() == b"x" * 10


def test_a_reader_who_leaves_more_than_the_limit_is_sent_away_with_nothing_else():
    one = stream(limit=10)
    one.write(b"x" * 6)
    one.write(b"x" * 5)
    assert one.ended
    assert one.take_queued() == frames.bye("slow", 1_000)


def test_a_reader_who_keeps_up_may_be_sent_any_amount():
    one = stream(limit=10)
    taken = []
    for size in (9, 11, 500):
        one.write(b"x" * size)
        taken.append(one.take_queued())
    assert not one.ended
    assert [len(each) for each in taken] == [9, 11, 500]


def test_nothing_follows_a_goodbye_and_the_first_reason_stands():
    one = stream()
    one.write(b"a\n\n")
    one.end("drain", after_ms=7)
    one.end("limit", after_ms=60_000)
    one.write(b"b\n\n")
    assert one.take_queued() == b"a\n\n" + frames.bye("drain", 7)
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
        assert len(one.take_queued()) <= most
    rest = one.take_queued()
    assert len(rest) <= most
    if one.ended and rest:
        assert json.loads(rest.split(b"data: ")[1])["reason"] == "slow"


def test_a_frame_for_one_lane_stays_in_it():
    person = subscriber()
    live, standby = stream(), stream(Lane.STANDBY)
    person.set_streams((live, standby))
    person.write(b"s\n\n", Lane.STANDBY)
    person.write(b"both\n\n")
    assert live.take_queued() == b"both\n\n"
    assert standby.take_queued() == b"s\n\nboth\n\n"


@pytest.mark.parametrize(
    ("channel", "seq", "may"), [("a", 11, True), ("a", 10, False), ("a", 3, False), ("b", 99, False)]
)
def test_a_shared_channel_is_heard_from_after_the_membership_began(channel, seq, may):
    person = Subscriber(grant(channels={"a": 10}))
    assert person.may_see(channel, seq) is may


def test_each_row_that_comes_is_one_more():
    person = subscriber(unread=2)
    person.count([101])
    person.count([102])
    assert person.unread == 4
    assert not person.count_again


def test_a_row_that_the_database_had_counted_already_counts_once():
    person = subscriber(unread=2, seq=100)
    person.count([100])
    assert person.unread == 2


def test_of_rows_that_come_together_those_count_that_the_database_had_not_counted():
    person = subscriber(unread=2, seq=101)
    person.count([100, 101, 102, 103])
    person.count([104, 105])
    person.count([])
    assert person.unread == 6


def test_rows_that_come_while_the_database_counts_are_added_unless_it_saw_them():
    person = subscriber(unread=2, seq=100)
    person.count_again = True
    person.begin_count()
    assert not person.count_again
    person.count([101])
    person.count([102])
    person.end_count(9, 101)
    assert person.unread == 10
    person.count([103])
    assert person.unread == 11


def test_the_seqs_of_another_life_of_the_log_count_though_they_are_lower():
    person = subscriber(unread=2, seq=100)
    person.begin_count()
    person.count([32])
    person.end_count(5, 31)
    assert person.unread == 6


@given(before=st.integers(0, 5), seen=st.integers(0, 5), during=st.integers(0, 5), after=st.integers(0, 5))
def test_however_rows_and_the_count_interleave_none_is_lost_or_counted_twice(before, seen, during, after):
    """`seen` of the rows were in the database's answer though they came to the hub only later."""
    person = subscriber(unread=0, seq=0)
    seq = 0
    for _ in range(before):
        seq += 1
        person.count([seq])
    person.begin_count()
    answer = (seq + seen, seq + seen)
    for _ in range(during):
        seq += 1
        person.count([seq])
    person.end_count(*answer)
    for _ in range(after + max(0, seen - during)):
        seq += 1
        person.count([seq])
    assert person.unread == seq
