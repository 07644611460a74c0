"""When a row goes down the standby streams, by a clock of our own."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from notificacao.models import BreakerState, DispatchState, Notification, RolloutFlag
from notificacao.rollout import Rollout
from notificacao.stream import frames
from notificacao.stream.standby import PATIENCE, RETURN, StandbyLane

PENDING, PUBLISHED, FAILED, SKIPPED = (
    DispatchState.PENDING,
    DispatchState.PUBLISHED,
    DispatchState.FAILED,
    DispatchState.SKIPPED,
)


def rollout(breaker=BreakerState.State.CLOSED, everyone=None, percent=100, configured=True):
    return Rollout(RolloutFlag(name="ably", everyone=everyone, percent=percent, salt="s"), breaker, configured)


IN_USE = rollout()
OUT_OF_USE = [
    pytest.param(rollout(breaker=BreakerState.State.OPEN), id="the breaker is open"),
    pytest.param(rollout(breaker=BreakerState.State.HALF_OPEN), id="the breaker probes"),
    pytest.param(rollout(everyone=False), id="the flag is off"),
    pytest.param(rollout(percent=0), id="the flag is at 0%"),
    pytest.param(rollout(configured=False), id="Ably is not configured"),
]


def row(seq, state=PENDING):
    return Notification(channel="a", title="t", message="m", seq=seq, prev_seq=0, dispatch_state=state)


@pytest.fixture
def lane():
    return StandbyLane()


def seqs(due):
    return [owed.seq for owed in due]


def test_a_row_that_ably_took_is_never_written(lane):
    lane.add(row(1), "{}", now=0.0)
    assert lane.due({1: PUBLISHED}, IN_USE, now=0.1) == []
    assert lane.unsettled == []
    assert lane.due({1: PENDING}, IN_USE, now=PATIENCE + 1) == []


def test_a_row_that_expires_while_ably_has_it_is_not_written(lane):
    expiring = row(1)
    expiring.expires_at = timezone.now() + timedelta(hours=1)
    lane.add(expiring, "{}", now=0.0)
    expired = row(2)
    expired.expires_at = timezone.now() - timedelta(seconds=1)
    lane.add(expired, "{}", now=0.0)
    assert seqs(lane.due({1: FAILED, 2: FAILED}, IN_USE, now=0.1)) == [1]
    assert lane.unsettled == []


def test_a_row_that_is_published_when_it_is_first_seen_owes_nothing(lane):
    lane.add(row(1, PUBLISHED), "{}", now=0.0)
    assert lane.unsettled == []


@pytest.mark.parametrize("state", [FAILED, SKIPPED])
def test_a_row_that_settled_otherwise_is_written_at_once_and_once(lane, state):
    lane.add(row(1), "{}", now=0.0)
    assert seqs(lane.due({1: PENDING}, IN_USE, now=0.1)) == []
    assert seqs(lane.due({1: state}, IN_USE, now=0.2)) == [1]
    assert lane.due({1: state}, IN_USE, now=0.3) == []


def test_a_row_without_an_answer_is_written_when_patience_ends_and_not_before(lane):
    lane.add(row(1), "{}", now=10.0)
    assert lane.due({1: PENDING}, IN_USE, now=10.0 + PATIENCE - 0.01) == []
    assert lane.unsettled == [1]
    assert seqs(lane.due({1: PENDING}, IN_USE, now=10.0 + PATIENCE)) == [1]
    assert lane.unsettled == []


def test_a_row_whose_state_was_not_read_counts_as_pending(lane):
    lane.add(row(1), "{}", now=0.0)
    assert lane.due({}, IN_USE, now=0.5) == []
    assert seqs(lane.due({}, IN_USE, now=PATIENCE)) == [1]


@pytest.mark.parametrize("now", OUT_OF_USE)
def test_while_ably_is_out_of_use_rows_are_written_at_once(lane, now):
    lane.add(row(1), "{}", now=0.0)
    assert seqs(lane.due({1: PENDING}, now, now=0.0)) == [1]


@pytest.mark.parametrize("before", OUT_OF_USE)
def test_when_ably_is_back_every_row_is_written_until_the_pages_are_back_there(lane, before):
    lane.due({}, before, now=10.0)
    back = 10.0 + RETURN
    lane.add(row(1), "{}", now=back - 0.2)
    assert seqs(lane.due({1: PUBLISHED}, IN_USE, now=back - 0.2)) == [1]
    lane.add(row(2, PUBLISHED), "{}", now=back - 0.1)
    assert seqs(lane.due({2: PUBLISHED}, IN_USE, now=back - 0.1)) == [2]
    lane.add(row(3), "{}", now=back - 0.1)
    assert lane.due({3: PUBLISHED}, IN_USE, now=back) == []
    lane.add(row(4, PUBLISHED), "{}", now=back)
    assert lane.unsettled == []


def test_an_ably_that_was_away_with_nobody_waiting_is_trusted_at_once(lane):
    lane.due({}, OUT_OF_USE[0].values[0], now=10.0, pages=0)
    lane.add(row(1), "{}", now=10.1)
    assert lane.due({1: PUBLISHED}, IN_USE, now=10.1) == []


def test_rows_are_written_in_the_order_of_the_log(lane):
    for seq in (3, 1, 2):
        lane.add(row(seq), "{}", now=0.0)
    assert seqs(lane.due({1: FAILED, 2: PUBLISHED, 3: FAILED}, IN_USE, now=0.0)) == [1, 3]


def test_what_is_owed_is_the_row_without_an_id(lane):
    lane.add(row(1, FAILED), '{"seq":1}', now=0.0)
    (owed,) = lane.due({1: FAILED}, IN_USE, now=0.0)
    assert (owed.channel, owed.frame) == ("a", frames.notification('{"seq":1}', None))
    assert b"id:" not in owed.frame


def test_another_epoch_owes_nothing(lane):
    lane.add(row(1), "{}", now=0.0)
    lane.clear()
    assert lane.unsettled == []
    assert lane.due({1: FAILED}, IN_USE, now=PATIENCE) == []


STATES = st.dictionaries(st.integers(1, 6), st.sampled_from([PENDING, PUBLISHED, FAILED, SKIPPED]))


@given(st.lists(st.tuples(STATES, st.floats(0.0, 0.5, allow_nan=False)), max_size=12))
def test_each_row_is_written_once_or_taken_by_ably_but_never_both_and_none_is_forgotten(readings):
    lane = StandbyLane()
    for seq in range(1, 7):
        lane.add(row(seq), "{}", now=0.0)
    written: list[int] = []
    taken: set[int] = set()
    now = 0.0
    for states, passed in readings:
        now += passed
        owed = set(lane.unsettled)
        taken |= {seq for seq in owed if states.get(seq) == PUBLISHED}
        written += seqs(lane.due(states, IN_USE, now))
    written += seqs(lane.due({}, IN_USE, now + PATIENCE))
    assert len(written) == len(set(written))
    assert set(written) | taken == set(range(1, 7))
    assert not set(written) & taken
    assert lane.unsettled == []
