"""The proof's verdicts: right at the goal and at the critical value, and red where anything was lost, came twice or to
others.
"""

import pytest

from benchmarks.proof import metrics
from benchmarks.proof.judging import Section, Verdict, by_verdict, held_against, is_red, never, of_harm
from benchmarks.proof.loaded import Harm
from benchmarks.proof.meter import Slope, slope_of
from notificacao import plan_goals as plan

WELL = {"samples": 1, "how": "medido"}


@pytest.mark.parametrize(
    ("goal", "measured", "busy", "verdict"),
    [
        (plan.LATENCY_P95, 100, 0, Verdict.MET),
        (plan.LATENCY_P95, 100.1, 0, Verdict.MISSED),
        (plan.LATENCY_P95, 500, 0, Verdict.MISSED),
        (plan.LATENCY_P95, 500.1, 0, Verdict.CRITICAL),
        (plan.LATENCY_P95, 100.1, 0.85, Verdict.MISSED),
        (plan.LATENCY_P95, 500.1, 1, Verdict.CRITICAL),
        (plan.LATENCY_P95, 100, 1, Verdict.MET),
        (plan.LATENCY_P95, None, 1, Verdict.UNMEASURED),
        (plan.THROUGHPUT, 500, 1, Verdict.MET),
        (plan.THROUGHPUT, 499, 0, Verdict.MISSED),
        (plan.THROUGHPUT, 49, 0, Verdict.CRITICAL),
        (plan.CONNECTIONS, 999, 0, Verdict.MISSED),
        (plan.CONNECTIONS, 199, 0, Verdict.CRITICAL),
        (plan.REDUCTION, 50, 0, Verdict.MET),
        (plan.REDUCTION, 49.9, 0, Verdict.MISSED),
        (plan.COST, 160, 0, Verdict.MET),
        (plan.COST, 160.01, 0, Verdict.MISSED),
    ],
)
def test_what_meets_a_goal_is_told_from_what_misses_it(goal, measured, busy, verdict):
    assert held_against(goal, measured, busy=busy, **WELL).verdict is verdict


@pytest.mark.parametrize(
    ("goal", "measured", "busy", "bound"),
    [
        (plan.LATENCY_P95, 100.1, 0.85, "limite superior: núcleos ocupados 85%"),
        (plan.THROUGHPUT, 499, 1, "limite inferior: núcleos ocupados 100%"),
        (plan.LATENCY_P95, 100.1, 0.84, ""),
        (plan.LATENCY_P95, 100, 1, ""),
        (plan.LATENCY_P95, None, 1, ""),
    ],
)
def test_where_the_cores_were_busy_what_missed_its_goal_is_told_to_be_a_bound(goal, measured, busy, bound):
    assert held_against(goal, measured, busy=busy, **WELL).bound == bound


def test_of_what_was_not_looked_at_nothing_is_known():
    lines = of_harm(Harm(), "", live=0)
    assert {line.verdict for line in lines} == {Verdict.UNMEASURED}
    assert {line.measured for line in lines} == {None}
    assert never("Perdidas", 1, samples=0, how="").verdict is Verdict.RED


def test_the_worst_is_named_first():
    lines = [held_against(plan.ERRORS, 0.1, **WELL), held_against(plan.LATENCY_P95, 900, **WELL)]
    assert by_verdict(lines) == "crítico: Latência P95; cumpre: Taxa de erro"


@pytest.mark.parametrize("what", ["lost", "twice", "foreign", "disordered"])
def test_one_of_a_million_is_enough_for_red(what):
    harm = Harm(checked=1_000_000, by_one_path=1_010, **{what: 1})
    lines = of_harm(harm, "", live=1_000)
    (line,) = [line for line in lines if line.verdict is Verdict.RED]
    assert (line.measured, line.samples) == (1, {"twice": 1_010, "disordered": 1_000}.get(what, 1_000_000))
    assert is_red([Section("bem", ""), Section("mal", "", harm=harm)])
    assert not is_red([Section("bem", "", lines=[never("Perdidas", 0, **WELL)])])


def test_a_scene_that_did_not_come_to_its_end_is_red_and_a_goal_that_is_missed_is_not():
    assert is_red([Section("parou", "", error="TimeoutError")])
    assert not is_red([Section("lenta", "", lines=[held_against(plan.LATENCY_P95, 900, **WELL)])])


def test_a_hundred_probes_that_are_well_do_not_prove_three_nines():
    assert metrics.wilson_low(100, 100) < 0.97
    assert metrics.wilson_low(10_000, 10_000) > 0.999


def test_the_slope_of_memory_has_an_interval_that_holds_what_is_true():
    noise = [0.3, -0.2, 0.1, -0.4, 0.2] * 60
    samples = [(second, 100 + second / 60 + noise[second]) for second in range(300)]
    found = slope_of(samples)
    assert isinstance(found, Slope)
    assert found.low < 1 < found.high
    assert found.high - found.low < 0.5
    flat = slope_of([(second, value - second / 60) for second, value in samples])
    assert flat is not None
    assert flat.low < 0 < flat.high
    assert slope_of(samples[:20]) is None


def test_every_goal_of_the_plan_is_reached_by_its_name():
    lines = [*metrics.technical(metrics.Found()), *metrics.business(metrics.Found())]
    assert {goal.name for goal in (*plan.TECHNICAL, *plan.BUSINESS)} <= {line.what for line in lines}
    assert {line.verdict for line in lines} == {Verdict.UNMEASURED}
    assert all(line.how for line in lines)
