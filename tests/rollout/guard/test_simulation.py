"""The guard over 300 rollouts of each kind: what it takes back, what it lets pass, and how soon.

`script/bench guard` does it with 1,000 of each.
"""

import numpy as np
import pytest

from notificacao.rollout.guard.verdict import Advance, AwaitApproval, Hold, RollBack, StepDown
from tests.rollout.guard.simulated_rollouts import DAY, HOUR, SCENARIOS, STAGES, Rollouts

pytestmark = pytest.mark.slow

FIRST = STAGES[0]


def rollouts(name):
    return Rollouts(SCENARIOS[name], size=300).run()


def taken_back(of):
    return of.first(RollBack, StepDown)


def noticed(of):
    """When it was taken back, or held because a goal was missed for certain."""
    return np.minimum(taken_back(of), of.first(Hold, says="Meta"))


@pytest.mark.parametrize("name", ["healthy, 0.4% fail, staff approve all", "healthy, 0.05% fail, nobody approves"])
def test_a_healthy_rollout_is_hardly_ever_taken_back_and_comes_to_its_end(name):
    of = rollouts(name)
    assert of.share(RollBack, StepDown) <= 0.01
    assert of.completed.mean() >= 0.98
    for stage in STAGES:
        assert of.first(Advance, AwaitApproval, stage=stage).min() >= stage.bake_seconds


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("0.4% -> 2% fail, staff approve all", 3 * DAY),
        ("0.4% -> 1% fail, staff approve all", 7 * DAY),
    ],
)
def test_failures_beyond_the_goal_are_noticed_and_never_left_to_themselves(name, within):
    """Whoever approves what is not proven goes on; the guard alone does not, and takes it back in the end."""
    of = rollouts(name)
    assert (noticed(of) <= within).mean() >= 0.95
    assert of.share(RollBack, StepDown) >= 0.95
    assert of.share(Advance) <= 0.01
    assert of.completed.mean() == 0


@pytest.mark.parametrize(
    ("name", "noticed_within", "back_within"),
    [
        ("10% fail, from the second hour on", 8 * HOUR, DAY),
        ("the same with ten times the traffic", HOUR, 4 * HOUR),
        ("slower by 100 ms", HOUR, 3 * HOUR),
    ],
)
def test_what_is_bad_for_everybody_is_taken_back_in_the_first_stage(name, noticed_within, back_within):
    of = rollouts(name)
    assert (noticed(of) <= noticed_within).mean() >= 0.95
    assert (taken_back(of) <= back_within).mean() >= 0.95
    assert of.share(Advance, AwaitApproval) == 0


@pytest.mark.endurance
def test_what_keeps_the_plans_goals_is_not_stepped_down_because_sse_is_faster_still():
    of = rollouts("within the goals, and SSE is faster still")
    assert of.share(RollBack, StepDown) <= 0.01
    assert of.completed.mean() >= 0.98


def test_what_misses_the_goal_of_100_ms_and_is_slower_than_sse_is_taken_back():
    of = rollouts("beyond the goal of 100 ms, and SSE is faster")
    assert (taken_back(of) <= DAY).mean() >= 0.95
    assert of.completed.mean() == 0


@pytest.mark.endurance
def test_what_is_bad_for_three_people_only_takes_nobody_back_and_does_not_go_on_by_itself():
    of = rollouts("bad for three people only, staff approve all")
    assert of.share(RollBack) == 0
    assert of.share(StepDown) <= 0.01
    assert of.share(Advance, stage=FIRST) <= 0.01


def test_without_traffic_no_stage_ends_and_it_says_why():
    of = rollouts("no traffic")
    assert of.share(Advance, AwaitApproval, RollBack, StepDown) == 0
    assert of.share(Hold, says="Dados insuficientes") == 1


def test_a_clock_that_jumps_by_two_days_ends_no_stage():
    assert rollouts("the clock jumps by two days").share(Advance, AwaitApproval, RollBack, StepDown) == 0


def test_a_guard_that_was_dead_credits_nothing_and_acts_at_its_first_look():
    of = rollouts("10% fail while no guard looks")
    dead_until = of.scenario.dead[1] - of.scenario.begins
    assert of.share(Advance, AwaitApproval) == 0
    assert (taken_back(of) == dead_until).mean() >= 0.95
