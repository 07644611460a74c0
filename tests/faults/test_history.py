"""The checker itself: silent over a history in which all is well, and it finds each fault that is planted in one."""

from dataclasses import replace

import pytest

from tests.faults.history import Arrival, Client, Hearing, Path, Row, check, owed, placed

UNIT, ANA = "private:unit:1:notifications", "private:user:ana:notifications"
NOW = 1_000.0

ROWS = [
    Row("a", "a", UNIT, seq=1, prev_seq=0, began=1.0, ended=2.0),
    Row("b", "b", ANA, seq=2, prev_seq=0, began=1.5, ended=3.0),
    Row("c", "event", UNIT, seq=3, prev_seq=1, began=4.0, ended=5.0),
    Row("d", "event", ANA, seq=4, prev_seq=2, began=4.0, ended=5.0),
    Row("e", "e", UNIT, seq=5, prev_seq=3, began=6.0, ended=7.0, expires_at=NOW - 10),
    Row("x", "x", UNIT, committed=False, began=6.0, ended=7.0),
]


def arrival(row, path=Path.LIVE, connection=1, shown=True, at=NOW - 100):
    return Arrival(row.id, row.event_id, row.channel, row.seq, row.prev_seq, path, connection, shown, at)


def ana(*arrivals):
    """She hears the unit and herself, and has all."""
    a, b, c, d, *_ = ROWS
    came = [arrival(a), arrival(b), arrival(c), arrival(d, shown=False)]
    return Client("ana", 0, [Hearing(UNIT), Hearing(ANA)], [*came, *arrivals], {UNIT: 5, ANA: 5})


def caio(*arrivals):
    """He hears nothing of it."""
    return Client("caio", 0, [Hearing("private:user:caio:notifications")], list(arrivals), {})


def rules(rows=ROWS, clients=None, **known):
    found = check(rows, clients if clients is not None else [ana(), caio()], now=NOW, **known)
    return sorted({(fault.rule, fault.who) for fault in found})


def changed(place, **fields):
    return [replace(row, **fields) if n == place else row for n, row in enumerate(ROWS)]


def test_where_all_is_well_it_finds_nothing():
    assert rules() == []


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (changed(2, seq=None), "not stamped"),
        (changed(2, seq=2), "seq given twice"),
        (changed(2, prev_seq=0), "broken chain"),
        (changed(4, ended=3.9), "stamped out of order"),
        (changed(5, seq=6, prev_seq=5), "rolled back"),
    ],
)
def test_a_fault_in_the_log_is_found(rows, rule):
    assert (rule, "log") in rules(rows, clients=[])


def test_a_row_that_never_came_is_lost_and_the_page_that_thinks_itself_complete_is_told_so():
    page = ana()
    del page.arrivals[1]
    (fault,) = check(ROWS, [page], now=NOW)
    assert str(fault) == f"lost: ana: 2 of {ANA}, and does not know it"


def test_an_event_of_two_rows_is_owed_once_by_whichever_channel():
    page = ana()
    page.arrivals[2:] = [arrival(ROWS[3])]
    assert rules(clients=[page]) == []


def test_a_page_that_never_learned_that_it_has_all_is_incomplete():
    page = ana()
    page.complete[UNIT] = 1
    assert rules(clients=[page]) == [("incomplete", "ana")]


def test_an_event_shown_twice_is_found_whatever_rows_brought_it():
    assert rules(clients=[ana(arrival(ROWS[1], Path.CATCH_UP))]) == [("shown twice", "ana")]
    assert rules(clients=[ana(arrival(ROWS[3], Path.STANDBY))]) == [("shown twice", "ana")]


def test_a_row_that_came_twice_and_was_shown_once_is_no_fault_but_in_one_live_stream():
    again = arrival(ROWS[3], connection=2, shown=False)
    assert rules(clients=[ana(again)]) == []
    assert rules(clients=[ana(replace(again, connection=1))]) == [("out of order", "ana")]


def test_a_live_stream_out_of_the_logs_order_is_found_and_other_paths_may_be():
    page = ana()
    page.arrivals[:2] = page.arrivals[1::-1]
    assert rules(clients=[page]) == [("out of order", "ana")]
    page.arrivals = [replace(came, path=Path.STANDBY) for came in page.arrivals]
    assert rules(clients=[page]) == []


def test_what_reached_somebody_else_is_found_even_where_it_was_not_shown():
    assert rules(clients=[caio(arrival(ROWS[0], shown=False))]) == [("seen by others", "caio")]


def test_what_was_stamped_before_a_membership_is_not_theirs():
    page = ana()
    page.hearings[0] = Hearing(UNIT, since=1)
    assert rules(clients=[page]) == [("seen by others", "ana")]


def test_after_a_membership_has_ended_nothing_is_owed_and_only_what_was_under_way_may_come():
    page = ana()
    page.hearings[0] = Hearing(UNIT, until=1, grace=3)
    assert rules(clients=[page]) == []
    page.hearings[0] = Hearing(UNIT, until=1, grace=1)
    assert rules(clients=[page]) == [("seen by others", "ana")]
    page.arrivals = page.arrivals[:2] + page.arrivals[3:]
    page.arrivals[-1] = replace(page.arrivals[-1], shown=True)
    assert rules(clients=[page]) == []


def test_what_was_rolled_back_or_never_written_is_found_wherever_it_came_from():
    assert rules(clients=[ana(replace(arrival(ROWS[5]), seq=6, connection=2))]) == [("rolled back", "ana")]
    assert rules(clients=[ana(replace(arrival(ROWS[4]), id="ghost", connection=2))]) == [("rolled back", "ana")]


def test_a_row_that_is_not_as_the_log_has_it_is_found():
    page = ana()
    page.arrivals[2] = replace(page.arrivals[2], prev_seq=0)
    assert rules(clients=[page]) == [("altered", "ana")]


def test_what_expires_is_not_owed_but_may_not_be_shown_afterwards():
    assert rules(clients=[ana(arrival(ROWS[4], at=NOW - 11))]) == []
    assert rules(clients=[ana(arrival(ROWS[4], at=NOW - 9))]) == [("shown though expired", "ana")]
    rows = changed(4, expires_at=NOW + 10)
    assert rules(rows, clients=[ana()]) == [("lost", "ana")]


def test_a_page_owes_nothing_to_what_lay_before_its_start():
    page = replace(ana(), start=2)
    page.arrivals = page.arrivals[2:]
    assert rules(clients=[page]) == []
    assert [row.seq for row in owed(page, ROWS, NOW)] == [3, 4]


def test_the_chain_may_begin_before_the_first_row():
    assert rules(changed(0, prev_seq=None), clients=[]) == [("broken chain", "log")]
    rows = [replace(row, seq=row.seq and row.seq + 10) for row in ROWS[:1]]
    assert rules([replace(rows[0], prev_seq=7)], clients=[], heads={UNIT: 7}) == []


def test_a_commit_of_unknown_fate_is_what_the_log_says():
    rows = [replace(ROWS[0], committed=None, seq=None), replace(ROWS[1], committed=None, seq=None), ROWS[5]]
    known, unknown, rolled_back = placed(rows, {"a": (1, 0)})
    assert (known.committed, known.seq, known.prev_seq) == (True, 1, 0)
    assert (unknown.committed, unknown.seq) == (False, None)
    assert (rolled_back.committed, rolled_back.seq) == (False, None)
