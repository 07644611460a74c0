"""What the guard says of shares holds at every look, and people count, not only notifications."""

import numpy as np
import pytest

from notificacao.rollout.guard.statistics import (
    Tally,
    design_effect,
    difference,
    evidence_above,
    evidence_below,
    mismatch,
    share,
    tally,
)

random = np.random.default_rng(7)
RUNS, LOOKS = 1_000, 200


@pytest.fixture(autouse=True)
def the_same_histories():
    """Each test draws the same, whichever ran before it in its process."""
    random.bit_generator.state = np.random.default_rng(7).bit_generator.state


def growing(rate, people=25, a_look=50, looks=LOOKS, runs=RUNS):
    """`runs` histories of one arm: at each look one tally more, of all that was sent until then."""
    rate = np.broadcast_to(rate, (runs, people))
    shown, bad = np.zeros((runs, people)), np.zeros((runs, people))
    for _ in range(looks):
        new = random.poisson(a_look / people, (runs, people))
        shown += new
        bad += random.binomial(new, rate)
        yield tally(bad, shown)


def ever(facts):
    """In what share of the histories a fact was true at some look."""
    return np.any(list(facts), axis=0).mean()


def test_a_tally_sums_over_people_and_leaves_out_who_was_shown_nothing():
    assert tally(np.array([1, 0, 2]), np.array([10, 0, 4])) == Tally(2, 14, 3, 5, 18, 116)


def test_a_share_of_nothing_is_nothing():
    assert share(tally(np.zeros(3), np.zeros(3))) == 0
    assert share(tally(np.array([1, 0]), np.array([3, 1]))) == 0.25


def test_people_who_are_alike_count_as_their_notifications():
    assert design_effect(tally(np.full(20, 5), np.full(20, 100))) == 1


def test_three_people_who_get_nothing_count_as_three():
    bad, shown = np.r_[[100] * 3, [0] * 22], np.full(25, 100)
    assert design_effect(tally(bad, shown)) == pytest.approx(100 * 25 / 24)


def test_without_a_bad_one_or_without_a_person_the_design_effect_is_none():
    assert design_effect(tally(np.zeros(5), np.full(5, 9))) == 1
    assert design_effect(tally(np.zeros(0), np.zeros(0))) == 1


@pytest.mark.parametrize("rate", [0.005, 0.004])
def test_a_share_within_the_limit_is_hardly_ever_proven_beyond_it_however_often_one_looks(rate):
    assert ever(evidence_above(of, 0.005) >= np.log(100) for of in growing(rate)) <= 0.01


def test_a_share_at_the_limit_is_hardly_ever_proven_below_it_however_often_one_looks():
    assert ever(evidence_below(of, 0.05) >= np.log(20) for of in growing(0.05)) <= 0.05


def test_people_of_different_luck_do_not_make_a_share_at_the_limit_proven_beyond_it():
    luck = 0.05 * random.gamma(0.5, 2, (RUNS, 25)).clip(0, 20)
    assert ever(evidence_above(of, 0.05) >= np.log(2_000) for of in growing(luck)) <= 0.002


@pytest.mark.slow
def test_taken_as_independent_the_same_people_would_prove_it_far_too_often():
    """Why the variance is by person."""
    luck = 0.05 * random.gamma(0.5, 2, (RUNS, 25)).clip(0, 20)
    alike = (of._replace(bad_squared=0, bad_shown=0, shown_squared=0) for of in growing(luck))
    assert ever(evidence_above(of, 0.05) >= np.log(2_000) for of in alike) > 0.2


@pytest.mark.slow
def test_ten_percent_are_proven_to_be_beyond_five():
    assert ever(evidence_above(of, 0.05) >= np.log(2_000) for of in growing(0.1)) > 0.99


def test_a_thousand_without_a_failure_prove_a_goal_of_half_a_percent():
    clean = Tally(25, 1_000, 0, 0, 0, 41_000)
    assert evidence_below(clean, 0.005) >= np.log(20) > evidence_below(clean._replace(shown=500), 0.005)


@pytest.mark.slow
def test_two_arms_alike_are_hardly_ever_proven_different_however_often_one_looks():
    luck = 0.02 * random.gamma(1, 1, (2, RUNS, 25)).clip(0, 50)
    pairs = zip(growing(luck[0]), growing(luck[1]), strict=True)
    assert ever(difference(ours, control, 0.01).low > 0 for ours, control in pairs) <= 0.01


@pytest.mark.slow
def test_the_interval_holds_the_true_difference_at_all_looks():
    pairs = zip(growing(0.03), growing(0.01), strict=True)
    intervals = (difference(ours, control, 0.05) for ours, control in pairs)
    assert ever((at.low > 0.02) | (at.high < 0.02) for at in intervals) <= 0.05


def test_the_interval_narrows_until_a_difference_is_found():
    last = None
    for ours, control in zip(growing(0.03, runs=50), growing(0.01, runs=50), strict=True):
        last = difference(ours, control, 0.001)
    assert (last.low > 0).mean() > 0.9
    assert np.allclose(last.middle - last.low, last.high - last.middle)


def test_before_anything_was_sent_nothing_is_proven():
    nothing = Tally(*np.zeros(6))
    assert evidence_above(nothing, 0.05) == evidence_below(nothing, 0.05) == 0
    assert difference(nothing, nothing, 0.05).low < 0 < difference(nothing, nothing, 0.05).high
    assert mismatch(0, 0, 0.5) == 0


def test_people_who_come_by_chance_are_no_mismatch():
    ours = random.binomial(1, 0.5, (400, 4 * RUNS)).cumsum(axis=0)  # of a thousand it is one, or by luck two
    counted = np.arange(1, 401)[:, None]
    assert (mismatch(ours, counted - ours, 0.5) >= np.log(1_000)).any(axis=0).mean() <= 0.001


def test_an_arm_of_which_half_the_people_are_missing_is_a_mismatch():
    assert mismatch(60, 125, 0.5) >= np.log(1_000) > mismatch(115, 125, 0.5)


@pytest.mark.parametrize("expected", [0.0, 1.0])
def test_one_arm_alone_has_no_mismatch(expected):
    assert mismatch(30, 5, expected) == 0
