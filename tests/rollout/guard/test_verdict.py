"""What the guard decides, and in which order: harm first, then what holds a stage, then its end."""

from dataclasses import dataclass

import numpy as np
import pytest

from notificacao.rollout.guard.gates import UNAVAILABLE, weigh
from notificacao.rollout.guard.statistics import tally
from notificacao.rollout.guard.verdict import (
    GRACE,
    Advance,
    AwaitApproval,
    Clock,
    Hold,
    RollBack,
    StepDown,
    decide,
    watched,
)
from tests.rollout.guard.test_gates import arm, figures

HOUR = 3_600.0


@dataclass(frozen=True)
class Stage:
    bake_seconds: float = 48 * HOUR
    minimum_sample: int = 500


OVER = Clock(watched=48 * HOUR)
MIDWAY = Clock(watched=24 * HOUR)


def decided(of=None, clock=OVER, alone=True, stage=Stage()):
    return decide(weigh(of or figures()), stage, clock, alone=alone)


def test_with_its_time_over_and_its_goals_proven_a_stage_is_left():
    assert isinstance(decided(), Advance)


def test_or_waits_for_somebody_where_nobody_else_may_go_on():
    assert decided(alone=False) == AwaitApproval("Tempo cumprido e metas provadas.")


def test_before_its_time_it_holds_and_says_for_how_long():
    assert decided(clock=MIDWAY) == Hold("Faltam 24 h 01 min de observação.")


def test_a_goal_that_is_not_proven_is_for_somebody_to_judge():
    found = decided(figures(arm(shown=30)))
    assert isinstance(found, AwaitApproval)
    assert "falhas 0% de 750 (meta 0,5%, crítico 5%)" in found.reason


def test_a_goal_that_is_missed_holds_though_the_time_is_over():
    found = decided(figures(arm(failed=2), arm(failed=2)))
    assert isinstance(found, Hold)
    assert found.reason == "Meta não cumprida: falhas 2% de 2500 (meta 0,5%, crítico 5%)."


def test_too_few_notifications_hold_and_say_how_many_are_needed():
    assert decided(figures(arm(shown=10))) == Hold(
        "Dados insuficientes: 250 notificações de 25 pessoas, e são necessárias 500 de 10."
    )


def test_many_notifications_of_few_people_hold():
    assert isinstance(decided(figures(arm(9, 1_000), arm(9, 1_000))), Hold)


def test_no_traffic_holds():
    assert isinstance(decided(figures(arm(0, 0), arm(0, 0))), Hold)


def test_a_critical_share_brings_everybody_back_at_once_and_names_the_figures():
    found = decided(figures(arm(failed=15)), clock=MIDWAY)
    assert isinstance(found, RollBack)
    assert found.reason == "Limite crítico ultrapassado: falhas 15% de 2500 (meta 0,5%, crítico 5%)."


def test_worse_than_sse_steps_down_and_names_both():
    assert decided(figures(arm(over_100_ms=60), arm(over_100_ms=2)), clock=MIDWAY) == StepDown(
        "Pior que o SSE: acima de 100 ms 60% no Ably e 2% no SSE."
    )


def test_critical_comes_before_worse():
    assert isinstance(decided(figures(arm(failed=15, over_100_ms=60))), RollBack)


def test_arms_that_cannot_be_compared_do_not_step_down_and_hold():
    found = decided(figures(arm(25, over_100_ms=60), arm(250)))
    assert isinstance(found, Hold)
    assert "não podem ser comparados" in found.reason


def test_but_what_is_critical_is_critical_without_a_comparison():
    assert isinstance(decided(figures(arm(25, failed=15), arm(250))), RollBack)


def test_a_guard_that_cannot_measure_holds_and_says_why():
    blind = Clock(watched=48 * HOUR, blind="o Ably está fora de uso")
    assert decided(clock=blind) == Hold("Não é possível medir: o Ably está fora de uso.")


def test_a_blind_guard_still_acts_upon_what_it_saw():
    assert isinstance(decided(figures(arm(failed=15)), clock=Clock(MIDWAY.watched, "x")), RollBack)


def test_right_after_a_step_it_holds():
    assert decided(clock=Clock(GRACE - 1), stage=Stage(bake_seconds=0)) == Hold(
        "Dez minutos de carência após a mudança."
    )


def test_an_ably_that_is_away_half_the_time_is_critical():
    away = tally(np.repeat([40, 0], 6), np.full(12, 40))
    found = decided(figures()._replace(ably=arm() | {UNAVAILABLE.name: away}))
    assert isinstance(found, RollBack)
    assert "indisponibilidade 50% de 480 (meta 0,1%, crítico 1%)" in found.reason


@pytest.mark.parametrize(
    ("passed", "counted"),
    [(60.0, 60.0), (0.0, 0.0), (119.0, 119.0), (172_800.0, 120.0), (-172_800.0, 0.0)],
)
def test_neither_a_jump_of_the_clock_nor_a_long_sleep_counts_as_time_that_was_watched(passed, counted):
    assert watched(passed) == counted
