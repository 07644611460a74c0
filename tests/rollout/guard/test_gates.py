"""What is proven, gate by gate."""

import numpy as np
import pytest

from notificacao.rollout.guard.gates import BY_PERSON, FAILED, OVER_100_MS, UNAVAILABLE, Figures, weigh
from notificacao.rollout.guard.statistics import tally
from tests.rollout.guard.simulated_rollouts import one_of


def arm(people=25, shown=100, **bad):
    """Tallies of an arm whose people were each shown `shown`, of which so many were bad at each of them, by gate."""
    return {
        gate.name: tally(np.broadcast_to(bad.get(gate.name, 0), people), np.full(people, shown)) for gate in BY_PERSON
    }


def figures(ably=None, control=None, assigned=0.5, probes=(10_000, 0)):
    shown, missed = probes
    blocks = np.full(shown // 40, 40)
    bad = np.minimum(np.arange(len(blocks)) < missed, 1)
    return Figures((ably or arm()) | {UNAVAILABLE.name: tally(bad, blocks)}, control or arm(), assigned)


def finding(gate, figures):
    return next(one for one in weigh(figures).gates if one.gate is gate)


def test_a_quiet_rollout_meets_its_goals_and_breaks_nothing():
    gates = weigh(figures()).gates
    assert [bool(one.met) for one in gates] == [one.gate.goal is not None for one in gates]
    assert not any(one.broken or one.critical or one.worse for one in gates)


def test_two_percent_of_failures_miss_the_goal_and_are_not_critical():
    found = finding(FAILED, figures(arm(failed=2), arm(failed=2)))
    assert (found.met, found.broken, found.critical, found.worse) == (False, True, False, False)


def test_fifteen_percent_of_failures_are_critical():
    assert finding(FAILED, figures(arm(failed=15))).critical


def test_slow_ones_are_never_critical_and_worse_where_the_control_is_not_slow():
    found = finding(OVER_100_MS, figures(arm(over_100_ms=60)))
    assert (found.critical, found.worse) == (False, True)
    assert not finding(OVER_100_MS, figures(arm(over_100_ms=60), arm(over_100_ms=60))).worse


def test_slow_ones_within_the_goal_are_not_worse_however_fast_the_control_is():
    many = {"people": 2_000, "shown": 1_000}
    found = finding(OVER_100_MS, figures(arm(**many, over_100_ms=30), arm(**many)))
    assert (found.difference.low > OVER_100_MS.margin, found.worse) == (True, False)


def test_three_people_to_whom_nothing_comes_are_neither_critical_nor_worse_than_the_control():
    found = finding(FAILED, figures(arm(failed=np.r_[[100] * 3, [0] * 22])))
    assert (found.met, found.critical, found.worse) == (False, False, False)


def test_a_difference_within_the_margin_is_none():
    many = {"people": 2_000, "shown": 1_000}
    assert finding(FAILED, figures(arm(**many, failed=2), arm(**many))).worse
    assert not finding(FAILED, figures(arm(**many, failed=1), arm(**many))).worse


def test_nine_people_are_too_few_to_compare():
    assert finding(FAILED, figures(arm(10, failed=50), arm(10))).worse
    assert not finding(FAILED, figures(arm(9, failed=50), arm(9))).worse
    assert not finding(FAILED, figures(arm(10, failed=50), arm(9))).worse


def test_with_nobody_left_on_sse_nothing_is_worse():
    assert not finding(FAILED, figures(arm(failed=50), arm(0), assigned=1.0)).worse


def test_two_days_of_probes_every_fifteen_seconds_prove_the_availability_and_of_every_minute_do_not():
    assert finding(UNAVAILABLE, figures(probes=(11_520, 1))).met
    assert not finding(UNAVAILABLE, figures(probes=(2_880, 0))).met


def test_an_hour_away_in_two_is_critical():
    blocks = np.full(12, 40)
    away = np.repeat([40, 0], 6)
    of = figures()._replace(ably=arm() | {UNAVAILABLE.name: tally(away, blocks)})
    assert finding(UNAVAILABLE, of).critical


def test_three_minutes_away_in_the_first_hour_are_not_critical():
    of = figures()._replace(ably=arm() | {UNAVAILABLE.name: tally(np.r_[12, [0] * 5], np.full(6, 40))})
    assert not finding(UNAVAILABLE, of).critical


def test_people_who_are_missing_on_one_side_are_noticed():
    assert weigh(figures(arm(25), arm(125))).mismatch
    assert not weigh(figures(arm(25), arm(125), assigned=1 / 6)).mismatch


@pytest.mark.parametrize("index", [0, 1])
def test_one_of_many_is_what_it_would_be_alone(index):
    arms = [arm(failed=2), arm(failed=30)]
    both = {name: type(part)(*map(np.array, zip(part, arms[1][name], strict=True))) for name, part in arms[0].items()}
    quiet = {name: type(part)(*(np.array([each, each]) for each in part)) for name, part in arm().items()}
    probes = {UNAVAILABLE.name: quiet[FAILED.name]}
    alone = weigh(Figures(arms[index] | {UNAVAILABLE.name: arm()[FAILED.name]}, arm(), 0.5))
    one_of_two = one_of(weigh(Figures(both | probes, quiet, np.full(2, 0.5))), index)
    for one, of_many in zip(alone.gates, one_of_two.gates, strict=True):
        assert of_many.gate is one.gate
        assert of_many.critical_evidence == one.critical_evidence
        assert of_many.difference == one.difference
