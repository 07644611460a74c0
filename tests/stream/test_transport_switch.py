"""Who is told to change transport, and how many at a time."""

import pytest

from notificacao.eventlog import Cursor
from notificacao.models import BreakerState, RolloutFlag
from notificacao.rollout import Rollout
from notificacao.stream import frames
from notificacao.stream.authorisation import Grant
from notificacao.stream.registry import SubscriberRegistry
from notificacao.stream.subscribers import Lane, Stream
from notificacao.stream.transport_switch import AT_ONCE, TransportSwitch

SESSION, LEAVE_ABLY = frames.session(), frames.leave_ably()


def rollout(everyone=True, breaker=BreakerState.State.CLOSED):
    return Rollout(RolloutFlag(name="ably", everyone=everyone, salt="s"), breaker, True)


ON, OFF, AWAY = rollout(), rollout(everyone=False), rollout(breaker=BreakerState.State.OPEN)


class Page(Stream):
    def __init__(self, lane):
        super().__init__(lane, "", "")
        self.heard = []

    def put(self, data):
        self.heard.append(data)
        return True


@pytest.fixture
def registry():
    return SubscriberRegistry()


@pytest.fixture
def switch(registry):
    return TransportSwitch(registry)


@pytest.fixture
def join(registry, switch):
    """A page of a person of its own, in that lane."""

    def one(lane, *, can_verify=True):
        page = Page(lane)
        page.can_verify = can_verify
        subscriber = registry.add_subscriber(
            Grant(len(registry.subscribers) + 1, {}, {}, Cursor("e", 0), assigned=True)
        )
        registry.add_stream(subscriber, page)
        switch.note_join(subscriber, page)
        return page

    return one


def told(pages):
    return sum(page.heard.count(SESSION) for page in pages)


def test_pages_go_to_ably_a_few_at_a_time_each_told_once(join, switch):
    pages = [join(Lane.LIVE) for _ in range(2 * AT_ONCE + 1)]
    switch.update(ON)
    assert told(pages) == 0
    for so_far in (AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 1, 2 * AT_ONCE + 1):
        switch.tell_next()
        switch.update(ON)
        assert told(pages) == so_far
    assert {page.heard.count(SESSION) for page in pages} == {1}


def test_pages_that_cannot_verify_stay_on_sse_and_are_not_told_to_change(join, switch):
    page, standby = join(Lane.LIVE, can_verify=False), join(Lane.STANDBY, can_verify=False)
    switch.update(ON)
    switch.tell_next()
    assert page.heard == []
    assert standby.heard == [LEAVE_ABLY]


def test_pages_leave_ably_at_once(join, switch):
    pages = [join(Lane.STANDBY) for _ in range(AT_ONCE + 1)]
    switch.update(OFF)
    assert all(page.heard == [LEAVE_ABLY] for page in pages)


@pytest.mark.parametrize("meanwhile", [OFF, AWAY])
def test_whoever_waits_stays_when_ably_goes_out_of_use_meanwhile(join, switch, meanwhile):
    page = join(Lane.LIVE)
    switch.update(ON)
    switch.update(meanwhile)
    switch.tell_next()
    assert page.heard == []
    switch.update(ON)
    switch.tell_next()
    assert page.heard == [SESSION]


def test_whoever_leaves_while_waiting_takes_nobodys_place(join, switch, registry):
    gone = [join(Lane.LIVE) for _ in range(AT_ONCE)]
    stays = join(Lane.LIVE)
    switch.update(ON)
    for page in gone:
        registry.remove_stream(page)
    switch.tell_next()
    assert told(gone) == 0
    assert stays.heard == [SESSION]


def test_an_outage_moves_nobody_out_of_standby_and_is_told_there_once(join, switch):
    page, on_sse = join(Lane.STANDBY), join(Lane.LIVE)
    switch.update(ON)
    for now in (AWAY, AWAY):
        switch.update(now)
        switch.tell_next()
    assert page.heard == [frames.ably(False)]
    switch.update(ON)
    assert page.heard == [frames.ably(False), frames.ably(True)]
    assert on_sse.heard == []


def test_a_page_that_comes_to_standby_in_an_outage_is_told_at_once(join, switch):
    switch.update(AWAY)
    assert join(Lane.STANDBY).heard == [frames.ably(False)]


def test_a_page_in_the_other_lane_than_the_rollout_has_it_looked_up_anew(join, switch):
    switch.update(ON)
    join(Lane.STANDBY)
    assert switch.rollout is ON
    join(Lane.LIVE)
    assert switch.rollout is None


def test_the_roster_knows_how_many_are_in_standby(join, registry):
    page, _ = join(Lane.STANDBY), join(Lane.LIVE)
    assert registry.in_standby == 1
    registry.remove_stream(page)
    assert registry.in_standby == 0
