"""The circuit breaker, by a clock of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notificacao.dispatcher.breaker import NO_REASON, NOT_REACHED_YET, Breaker


class Clock:
    """Seconds that pass only when told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def closed(clock):
    return Breaker(clock=clock, state="closed")


def tell(breaker, outcome):
    breaker.success() if outcome == "success" else getattr(breaker, outcome)("x")


def fail(breaker, times, reason="unreachable"):
    for _ in range(times):
        breaker.failure(reason)


def test_a_new_breaker_is_open_and_lets_the_first_caller_probe_at_once(clock):
    breaker = Breaker(clock=clock)
    assert (breaker.state, breaker.reason, breaker.forced) == ("open", NOT_REACHED_YET, False)
    assert breaker.admit()
    assert breaker.state == "half_open"


def test_a_closed_breaker_admits_all(closed):
    assert all(closed.admit() for _ in range(1000))
    assert closed.state == "closed"
    assert closed.reason == NO_REASON


def test_it_stays_closed_below_the_minimum_volume_even_if_all_failed(closed):
    fail(closed, 4)
    assert closed.state == "closed"


def test_it_opens_at_the_minimum_volume_and_tells_why(closed):
    fail(closed, 4)
    closed.failure("503: Ably is away")
    assert closed.state == "open"
    assert closed.reason == "503: Ably is away"
    assert not closed.admit()


def test_it_opens_only_when_the_share_of_failures_reaches_the_threshold(closed):
    for _ in range(6):
        closed.success()
    fail(closed, 5)
    assert closed.state == "closed"
    closed.failure("the sixth of twelve")
    assert closed.state == "open"


def test_failures_that_slid_out_of_the_window_count_no_more(closed, clock):
    fail(closed, 4)
    clock.passes(60.0)
    closed.failure("alone in the window")
    assert closed.state == "closed"


def test_failures_within_the_window_count_together(closed, clock):
    fail(closed, 4)
    clock.passes(59.9)
    closed.failure("the fifth")
    assert closed.state == "open"


def test_nobody_passes_until_the_cooldown_is_over(closed, clock):
    fail(closed, 5)
    clock.passes(4.9)
    assert not closed.admit()
    assert closed.state == "open"
    clock.passes(0.1)
    assert closed.admit()


def test_half_open_admits_one_caller_and_no_second(closed, clock):
    fail(closed, 5)
    clock.passes(5.0)
    assert [closed.admit() for _ in range(200)].count(True) == 1


def test_a_probe_that_succeeds_closes_it_and_forgets_the_old_failures(closed, clock):
    fail(closed, 5)
    clock.passes(5.0)
    assert closed.admit()
    closed.success()
    assert closed.state == "closed"
    assert closed.reason == NO_REASON
    fail(closed, 4)
    assert closed.state == "closed"


def test_a_probe_that_fails_opens_it_for_another_cooldown(closed, clock):
    fail(closed, 5)
    clock.passes(5.0)
    assert closed.admit()
    closed.failure("still away")
    assert (closed.state, closed.reason) == ("open", "still away")
    clock.passes(4.9)
    assert not closed.admit()
    clock.passes(0.1)
    assert closed.admit()


def test_a_probe_that_never_reports_back_frees_its_place_after_the_cooldown(closed, clock):
    fail(closed, 5)
    clock.passes(5.0)
    assert closed.admit()
    clock.passes(4.9)
    assert not closed.admit()
    clock.passes(0.1)
    assert closed.admit()
    assert not closed.admit()


def test_outcomes_of_callers_from_before_the_opening_change_nothing(closed, clock):
    fail(closed, 5)
    clock.passes(3.0)
    closed.success()
    closed.failure("late")
    assert (closed.state, closed.reason) == ("open", "unreachable")
    clock.passes(2.0)
    assert closed.admit()


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["admit", "success", "failure", "slow"]),
        st.floats(min_value=0.0, max_value=12.0, allow_nan=False),
    ),
    max_size=80,
)


@given(STEPS)
def test_at_most_one_probe_is_out_at_a_time(steps):
    clock = Clock()
    breaker = Breaker(clock=clock, cooldown=5.0)
    out_since: float | None = None
    for step in steps:
        if isinstance(step, float):
            clock.passes(step)
        elif step == "admit":
            probing = breaker.state != "closed"
            if breaker.admit() and probing:
                assert out_since is None or clock.now - out_since >= 5.0
                out_since = clock.now
        else:
            tell(breaker, step)
            if breaker.state != "half_open":
                out_since = None
        if breaker.state == "closed":
            assert breaker.admit()


@given(STEPS, st.integers(min_value=1, max_value=8), st.sampled_from([0.2, 0.5, 1.0]), st.sampled_from([0.3, 0.5, 1.0]))
def test_it_opens_exactly_when_a_plain_count_over_the_window_says_so(steps, minimum, threshold, slow_threshold):
    clock = Clock()
    breaker = Breaker(
        clock=clock,
        state="closed",
        minimum=minimum,
        threshold=threshold,
        slow_threshold=slow_threshold,
        window=10.0,
        volume=12,
    )
    outcomes: list[tuple[float, str]] = []
    for step in steps:
        if isinstance(step, float):
            clock.passes(step)
            continue
        if step == "admit":
            continue
        outcomes.append((clock.now, step))
        tell(breaker, step)
        recent = [kind for when, kind in outcomes[-12:] if when > clock.now - 10.0]
        failed, slow = recent.count("failure"), recent.count("slow")
        must_open = (
            step != "success"
            and len(recent) >= minimum
            and (failed >= threshold * len(recent) or failed + slow >= slow_threshold * len(recent))
        )
        assert (breaker.state == "open") == must_open
        if must_open:
            return


@given(STEPS, st.sampled_from(["closed", "open"]), st.sampled_from(["closed", "open", "half_open"]))
def test_forced_it_stays_as_it_was_put_whatever_happens(steps, forced, before):
    clock = Clock()
    breaker = Breaker(clock=clock, state=before if before == "closed" else "open")
    if before == "half_open":
        breaker.admit()
    breaker.force(forced)
    for step in steps:
        if isinstance(step, float):
            clock.passes(step)
        elif step == "admit":
            assert breaker.admit() == (forced == "closed")
        else:
            tell(breaker, step)
        breaker.trip("refused")
        assert breaker.state == forced


def test_slow_answers_open_it_at_their_own_share(clock):
    breaker = Breaker(clock=clock, state="closed", slow_threshold=0.8)
    breaker.success()
    for _ in range(3):
        breaker.slow("slower than 0.5 s")
    assert breaker.state == "closed"
    breaker.slow("slower than 0.5 s")
    assert (breaker.state, breaker.reason) == ("open", "slower than 0.5 s")


def test_a_slow_probe_opens_it_again(closed, clock):
    fail(closed, 5)
    clock.passes(5.0)
    assert closed.admit()
    closed.slow("a probe took 2.0 s")
    assert (closed.state, closed.reason) == ("open", "a probe took 2.0 s")


def test_after_many_good_answers_a_sudden_outage_still_opens_it_within_the_volume(closed):
    for _ in range(10_000):
        closed.success()
    fail(closed, 24)
    assert closed.state == "closed"
    closed.failure("25 of the last 50")
    assert closed.state == "open"


def test_a_trip_opens_it_at_once_and_from_half_open_as_well(closed, clock):
    closed.trip("40101: invalid credential")
    assert (closed.state, closed.reason) == ("open", "40101: invalid credential")
    clock.passes(5.0)
    assert closed.admit()
    closed.trip("still refused")
    assert (closed.state, closed.reason) == ("open", "still refused")


def test_a_trip_while_open_does_not_lengthen_the_cooldown(closed, clock):
    fail(closed, 5)
    clock.passes(4.0)
    closed.trip("refused")
    clock.passes(1.0)
    assert closed.admit()


def test_by_default_half_of_the_answers_failing_or_half_failing_or_slow_is_too_much(clock):
    for outcomes in (["failure"] * 5, ["slow"] * 5):
        breaker = Breaker(clock=clock, state="closed", minimum=10)
        for outcome in ["success"] * 5 + outcomes[:4]:
            tell(breaker, outcome)
        assert breaker.state == "closed"
        tell(breaker, outcomes[4])
        assert breaker.state == "open"


def test_a_share_of_failures_that_is_just_the_threshold_opens_it(clock):
    breaker = Breaker(clock=clock, state="closed", minimum=10, slow_threshold=1.0)
    for outcome in ["success"] * 5 + ["failure"] * 5:
        tell(breaker, outcome)
    assert breaker.state == "open"


def test_forced_closed_it_says_what_fails(closed):
    closed.force("closed")
    assert closed.reason == NO_REASON
    closed.trip("40101: invalid credential")
    assert (closed.state, closed.reason) == ("closed", "40101: invalid credential")
    closed.failure("503: away")
    assert (closed.state, closed.reason) == ("closed", "503: away")
    closed.success()
    assert closed.reason == NO_REASON


def test_released_from_closed_it_judges_anew_and_from_open_it_probes_at_once(closed):
    closed.force("closed")
    fail(closed, 100)
    closed.release()
    fail(closed, 4)
    assert closed.state == "closed"
    closed.force("open")
    assert not closed.admit()
    closed.release()
    assert (closed.state, closed.forced) == ("open", False)
    assert closed.admit()
    assert closed.state == "half_open"
