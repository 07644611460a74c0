"""How fast to send and to stamp, by a clock of our own."""

import pytest

from notificacao.dispatcher.pace import Pace, StampPace


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


GAP = 0.008  # seconds
STAMP = 0.003  # seconds that one takes, whatever it holds


def stamps_of(arrivals, clock, gap=GAP):
    """How long each of `arrivals`, seconds in order, waits for the stamp that takes it; a list a stamp."""
    pace, waiting, taken = StampPace(lambda: clock[0]), list(arrivals), []
    while waiting:
        clock[0] = max(clock[0], waiting[0])
        clock[0] += pace.wait(gap)
        pace.began()
        began = clock[0]
        taken.append([began - came for came in waiting if came <= began])
        waiting = [came for came in waiting if came > began]
        clock[0] += STAMP
        pace.ended(len(taken[-1]), bool(waiting) and waiting[0] <= clock[0])
    return taken


@pytest.mark.parametrize("rate", [1, 10, 50, 100, 200, 300])
def test_a_notification_that_comes_alone_is_stamped_at_once(clock, rate):
    taken = stamps_of([200 + number / rate for number in range(100)], clock)
    assert taken == [[0.0]] * 100


@pytest.mark.parametrize("rate", [400, 500, 1_000, 5_000])
def test_stamps_are_few_however_many_notifications_come(clock, rate):
    taken = stamps_of([200 + number / rate for number in range(rate)], clock)
    assert len(taken) <= 1 / GAP + 2
    assert max(waited for one in taken for waited in one) <= GAP + 1e-9
    assert len(stamps_of([500 + number / rate for number in range(rate)], clock, gap=0)) > 2 / GAP


def test_after_a_burst_the_first_that_comes_alone_waits_for_nothing(clock):
    burst = [200 + number / 1_000 for number in range(20)]
    assert stamps_of([*burst, 201.0], clock)[-1] == [0.0]


def test_a_stamp_that_took_longer_than_the_gap_is_followed_at_once(clock):
    pace = StampPace(lambda: clock[0])
    pace.began()
    clock[0] += 2 * GAP
    pace.ended(100, True)
    assert pace.wait(GAP) == 0
