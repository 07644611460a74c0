"""How fast to send, by a clock of our own."""

import pytest

from notificacao.dispatcher.pace import Pace


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def pace(clock):
    return Pace(lambda: clock[0])


def test_nobody_waits_while_all_goes_well(pace):
    for _ in range(100):
        assert pace.wait() == 0
        pace.went_well(pace.departed())


def test_what_the_other_side_asks_for_is_honoured(pace, clock):
    pace.too_fast(pace.departed(), retry_after=7.0)
    assert pace.wait() == 7.0
    clock[0] += 7.0
    assert pace.wait() == 0


def test_without_a_word_from_the_other_side_the_gap_doubles_up_to_a_limit(pace, clock):
    gaps = []
    for _ in range(12):
        pace.too_fast(pace.departed(), retry_after=None)
        gaps.append(round(pace.wait(), 3))
        clock[0] += pace.wait()
    assert gaps[:4] == [0.02, 0.04, 0.08, 0.16]
    assert gaps[-1] == 5.0


def test_many_that_were_in_flight_together_slow_it_down_once(pace, clock):
    together = [pace.departed() for _ in range(8)]
    clock[0] += 0.05
    for departed in together:
        pace.too_fast(departed, retry_after=None)
    assert pace.wait() == pytest.approx(0.02)


def test_after_slowing_down_departures_keep_their_distance(pace, clock):
    pace.too_fast(pace.departed(), retry_after=None)
    clock[0] += 0.02
    pace.departed()
    assert pace.wait() == pytest.approx(0.02)


def test_the_gap_closes_again_while_all_goes_well(pace, clock):
    pace.too_fast(pace.departed(), retry_after=None)
    clock[0] += 1.0
    for _ in range(20):
        pace.went_well(pace.departed())
        clock[0] += 1.0
    pace.departed()
    assert pace.wait() == 0


def test_what_left_before_the_slowing_down_does_not_hasten_it(pace, clock):
    early = pace.departed()
    clock[0] += 0.01
    pace.too_fast(pace.departed(), retry_after=None)
    pace.went_well(early)
    clock[0] += 1.0
    pace.departed()
    assert pace.wait() == pytest.approx(0.02)
