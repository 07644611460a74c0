"""The simulation: one seed, one story; an even pace; a clean end; clear refusals."""

import io
import os
import signal
from datetime import date
from itertools import islice

import pytest
from django.core.management import CommandError, call_command

from notificacao.catalogue.notices import EVENTS, notice_for
from notificacao.demo.simulation import NEXT, Cast, Pace, StopSignals, Story, run
from notificacao.models import Notification, Role
from tests.conftest import make_person
from tests.waiting import PATIENCE

TODAY = date(2026, 3, 10)


@pytest.fixture
def cast(ana, bia, caio, cras_norte, aluguel_social):
    make_person("carla", Role.COORDENADOR, cras_norte)
    make_person("gil", Role.GESTOR)
    make_person("ada", Role.ADMIN)
    return Cast.from_database()


class Clock:
    """Time that passes only while somebody waits, or where `sending_takes` says that sending takes some."""

    def __init__(self, sending_takes=0.0, stop_after=None):
        self.now = 100.0
        self.waits = []
        self.sent = []
        self._sending_takes = sending_takes
        self._stop_after = stop_after

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        return len(self.waits) - 1 == self._stop_after

    def send(self, notice):
        self.sent.append(notice)
        self.now += self._sending_takes

    def run(self, cast, rate, limit, progress=print):
        return run(Story(cast, 1, TODAY), Pace(rate, self, self.wait), self.send, limit, progress)


def tell(cast, seed, length):
    return list(islice(Story(cast, seed, TODAY), length))


def test_the_same_seed_tells_the_same_story(cast):
    assert tell(cast, 7, 300) == tell(Cast.from_database(), 7, 300)


def test_another_seed_tells_another_story(cast):
    assert tell(cast, 7, 300) != tell(cast, 8, 300)


@pytest.mark.slow
def test_every_event_of_a_story_can_be_sent(cast):
    story = tell(cast, 1, 3_000)
    for name, matter in story:
        assert notice_for(name, matter).channels
    assert {name for name, _ in story} == set(EVENTS)


def test_a_story_needs_no_more_than_a_unit_a_technician_and_a_benefit(ana, aluguel_social):
    for name, matter in tell(Cast.from_database(), 1, 500):
        assert notice_for(name, matter).channels


def test_a_matter_follows_the_workflow(cast):
    last = {}
    for name, matter in tell(cast, 5, 1_000):
        if matter.protocol:
            before = last.get(matter.protocol)
            visit = name == "aluguel_social.visita_proxima" and matter.benefit.slug == "aluguel-social"
            assert visit or name in (NEXT[before] if before else ["solicitacao.criada"])
            last[matter.protocol] = name


def test_a_court_order_stays_with_its_matter(cast):
    ordered = set()
    for _, matter in tell(cast, 5, 1_000):
        assert matter.court_order or matter.protocol not in ordered
        if matter.court_order:
            ordered.add(matter.protocol)
    assert ordered


def test_the_workflow_names_only_events_of_the_catalogue():
    assert {*NEXT, *(name for following in NEXT.values() for name in following)} <= set(EVENTS)


def test_events_are_sent_at_the_rate(cast):
    clock = Clock()
    assert clock.run(cast, 4, 9) == 9
    assert clock.waits == [0.0] + [0.25] * 8


def test_the_time_that_sending_takes_does_not_slow_the_pace(cast):
    clock = Clock(sending_takes=0.125)
    clock.run(cast, 4, 9)
    assert clock.now == pytest.approx(100 + 8 / 4 + 0.125)


def test_what_is_late_is_caught_up_without_a_wait(cast):
    clock = Clock(sending_takes=1.0)
    assert clock.run(cast, 4, 5) == 5
    assert clock.waits == [0.0] * 5


def test_it_stops_when_told_and_says_how_many_were_sent(cast):
    clock = Clock(stop_after=3)
    assert clock.run(cast, 10, None) == 3
    assert len(clock.sent) == 3


def test_progress_is_told_now_and_then(cast):
    told = []
    Clock().run(cast, 1, 12, told.append)
    assert told == [6, 11]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_and_the_next_ones_too(number):
    before = signal.getsignal(number)
    with StopSignals() as signals:
        assert not signals.wait(0)
        os.kill(os.getpid(), number)
        assert signals.wait(PATIENCE)
        assert signals.wait(PATIENCE)
    assert signal.getsignal(number) is before


def simulate(**options):
    output = io.StringIO()
    call_command("simulate", stdout=output, **options)
    return output.getvalue().splitlines()


def test_the_command_ends_with_one_line_that_counts(cast):
    assert simulate(rate=1_000, count=5, seed=1)[-1] == "5 notificações enviadas"
    assert Notification.objects.values("event_id").distinct().count() == 5


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_not_a_positive_number_is_refused(cast, rate):
    with pytest.raises(CommandError, match="--rate deve ser"):
        simulate(rate=rate)


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_that_is_not_positive_is_refused(cast, count):
    with pytest.raises(CommandError, match="--count deve ser"):
        simulate(count=count)


def test_an_empty_database_is_refused_and_demo_is_named(db):
    with pytest.raises(CommandError, match=r"manage\.py demo"):
        simulate(count=1)
