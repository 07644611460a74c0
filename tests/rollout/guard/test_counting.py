"""What became of each notification, counted once, by the arm to which its person is assigned."""

from datetime import timedelta
from itertools import count as count_up

import pytest

from notificacao import audiences, cost, eventlog
from notificacao.models import (
    ActiveChannel,
    Arm,
    CanaryProbe,
    LogHead,
    Notification,
    Receipt,
    RolloutFlag,
    RolloutPlan,
    WebProcess,
)
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout.guard import counting
from notificacao.rollout.guard.counting import arm_of, count
from notificacao.rollout.guard.figures import figures
from notificacao.rollout.guard.gates import FAILED, OVER_100_MS, OVER_500_MS, UNAVAILABLE
from notificacao.rollout.plan import SystemActor
from tests.conftest import make_person

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


class World:
    """A plan at 25% whose grace is over; one person on each side, who have had a page open for an hour."""

    def __init__(self):
        plan = rollout_plan.newest()
        plan.stages.filter(position=1).update(percent=25)
        self.plan = rollout_plan.start(SystemActor.SHELL, version=0, reason="Piloto")
        RolloutPlan.objects.update(since=eventlog.now() - HOUR, counted_to=0, probed_to=0)
        self.flag = RolloutFlag.objects.get()
        self.process = WebProcess.objects.create(name="web")
        self.people = {}
        names = (f"person{number}" for number in count_up())
        while len(self.people) < len((Arm.ABLY, Arm.CONTROL, None)):
            person = make_person(next(names))
            self.people.setdefault(arm_of(self.flag, person.pk), person)
        for person in self.people.values():
            self.opens(person, HOUR)

    def opens(self, person, ago):
        channel = audiences.channel_for_user(person)
        ActiveChannel.objects.filter(channel=channel).delete()
        ActiveChannel.objects.create(process=self.process, channel=channel, on_sse=1, since=eventlog.now() - ago)

    def sent(self, arm, *, ago=300, channel=None, state="published", by="", ms=20, **fields):
        """Stamped so many seconds ago; received by `by`, if by anything."""
        person = self.people[arm]
        seq = LogHead.objects.get().seq + 1
        LogHead.objects.update(seq=seq)
        row = Notification.objects.create(
            channel=channel or audiences.channel_for_user(person),
            title="x",
            message="y",
            seq=seq,
            stamped_at=eventlog.now() - timedelta(seconds=ago),
            **fields,
        )
        Notification.objects.filter(pk=row.pk).update(dispatch_state=state)
        if by:
            Receipt.objects.create(
                person=person, notification=row, delivered_at=eventlog.now(), transport=by, latency_ms=ms
            )
        return row

    def counted(self, arm):
        """(shown, over 100 ms, over 500 ms, failed) of that arm, after counting."""
        count(self.plan.pk, self.flag)
        found = self.plan.tallies.filter(arm=arm).values_list("shown", "over_100_ms", "over_500_ms", "failed")
        return next(iter(found), (0, 0, 0, 0))


@pytest.fixture
def world(db):
    return World()


@pytest.mark.parametrize(
    ("arm", "how", "found"),
    [
        (Arm.ABLY, {"by": "ably"}, (1, 0, 0, 0)),
        (Arm.ABLY, {"by": "ably", "ms": 100}, (1, 0, 0, 0)),
        (Arm.ABLY, {"by": "ably", "ms": 101}, (1, 1, 0, 0)),
        (Arm.ABLY, {"by": "ably", "ms": 501}, (1, 1, 1, 0)),
        (Arm.ABLY, {"by": "standby"}, (1, 1, 1, 1)),
        (Arm.ABLY, {"by": "sse"}, (1, 1, 1, 1)),
        (Arm.ABLY, {"by": ""}, (1, 1, 1, 1)),
        (Arm.ABLY, {"by": "ably", "state": "failed"}, (1, 1, 1, 1)),
        (Arm.CONTROL, {"by": "sse", "state": "skipped"}, (1, 0, 0, 0)),
        (Arm.CONTROL, {"by": "rest", "state": "skipped"}, (1, 1, 1, 1)),
        (Arm.CONTROL, {"by": "", "state": "skipped"}, (1, 1, 1, 1)),
    ],
)
def test_what_counts_as_late_and_as_failed(world, arm, how, found):
    world.sent(arm, **how)
    assert world.counted(arm) == found


@pytest.mark.parametrize("arm", [Arm.ABLY, Arm.CONTROL])
def test_what_the_costs_governor_moved_counts_in_neither_arm(world, arm):
    world.sent(arm, by="standby", state="skipped", error=cost.MOVED)
    world.sent(arm, by="", state="skipped", error=cost.MOVED)
    assert world.counted(arm) == (0, 0, 0, 0)
    world.sent(Arm.ABLY, by="standby", state="skipped", error="o disjuntor do Ably está aberto")
    assert world.counted(Arm.ABLY) == (1, 1, 1, 1)


def test_nothing_counts_twice_and_sums_go_on(world):
    world.sent(Arm.ABLY, by="ably")
    assert world.counted(Arm.ABLY) == world.counted(Arm.ABLY) == (1, 0, 0, 0)
    world.sent(Arm.ABLY, by="ably", ms=200)
    assert world.counted(Arm.ABLY) == (2, 1, 0, 0)


def test_a_range_that_is_longer_than_a_batch_is_counted_whole(world, monkeypatch):
    monkeypatch.setattr(counting, "BATCH", 2)
    for _ in range(5):
        world.sent(Arm.ABLY, by="ably")
    assert world.counted(Arm.ABLY)[0] == 5


def test_what_is_too_young_waits_and_what_follows_it_too(world):
    world.sent(Arm.ABLY, ago=60)
    assert world.counted(Arm.ABLY)[0] == 0
    Notification.objects.update(stamped_at=eventlog.now() - timedelta(seconds=121))
    assert world.counted(Arm.ABLY)[0] == 1


def test_to_whom_no_page_was_open_nothing_failed(world):
    world.opens(world.people[Arm.ABLY], timedelta(seconds=200))
    world.sent(Arm.ABLY, ago=300)
    assert world.counted(Arm.ABLY)[0] == 0
    world.sent(Arm.ABLY, ago=150)
    assert world.counted(Arm.ABLY)[0] == 1


@pytest.mark.parametrize("arm", [Arm.ABLY, Arm.CONTROL])
def test_a_page_that_polls_counts_in_its_arm_and_one_that_slept_does_not(world, arm):
    ActiveChannel.objects.all().delete()
    for seconds in (50, 70):
        row = world.sent(arm, by="rest")
        Receipt.objects.filter(notification=row).update(delivered_at=row.stamped_at + timedelta(seconds=seconds))
    world.sent(arm, by="ably")
    assert world.counted(arm) == (1, 1, 1, 1)


def test_shared_channels_expired_notices_and_third_parties_do_not_count(world):
    world.sent(Arm.ABLY, channel=audiences.SYSTEM_CHANNEL)
    world.sent(Arm.ABLY, expires_at=eventlog.now() - HOUR)
    world.sent(None)
    count(world.plan.pk, world.flag)
    assert world.plan.tallies.count() == 0
    assert RolloutPlan.objects.last().counted_to == 3


def test_during_the_grace_nothing_is_counted_and_after_it_only_what_follows(world):
    RolloutPlan.objects.update(since=eventlog.now(), counted_to=None)
    world.sent(Arm.ABLY)
    assert world.counted(Arm.ABLY)[0] == 0
    assert RolloutPlan.objects.last().counted_to is None
    RolloutPlan.objects.update(since=eventlog.now() - HOUR)
    assert world.counted(Arm.ABLY)[0] == 0
    world.sent(Arm.ABLY)
    assert world.counted(Arm.ABLY)[0] == 1


def test_the_control_is_as_large_as_ablys_arm():
    flag = RolloutFlag.objects.get()
    for percent, shares in ((5, (0.05, 0.05)), (75, (0.75, 0.25)), (100, (1.0, 0.0))):
        flag.percent = percent
        arms = [arm_of(flag, pk) for pk in range(20_000)]
        assert [arms.count(Arm.ABLY) / 20_000, arms.count(Arm.CONTROL) / 20_000] == pytest.approx(shares, abs=0.01)


def test_the_figures_are_those_sums(world):
    world.sent(Arm.ABLY, by="ably", ms=200)
    world.sent(Arm.ABLY)
    world.sent(Arm.CONTROL, by="sse")
    CanaryProbe.objects.create(round_trip_ms=3)
    CanaryProbe.objects.create(error="503")
    count(world.plan.pk, world.flag)
    found = figures(RolloutPlan.objects.last(), world.flag)
    assert (found.ably[FAILED.name].shown, found.ably[FAILED.name].bad) == (2, 1)
    assert (found.ably[OVER_100_MS.name].bad, found.ably[OVER_500_MS.name].bad) == (2, 1)
    assert (found.control[FAILED.name].people, found.control[FAILED.name].bad) == (1, 0)
    assert (found.ably[UNAVAILABLE.name].shown, found.ably[UNAVAILABLE.name].bad) == (2, 1)
    assert 0 < found.assigned < 1


def test_a_page_that_cannot_verify_what_ably_brings_is_no_failure_of_ablys(world):
    world.sent(Arm.ABLY, by="unable", ms=20)
    assert world.counted(Arm.ABLY) == (0, 0, 0, 0)
    world.sent(Arm.ABLY, by="sse", ms=20)
    assert world.counted(Arm.ABLY) == (1, 1, 1, 1)


def test_the_charts_have_each_minute_by_arm(world):
    world.sent(Arm.ABLY, by="ably", ms=200)
    world.sent(Arm.ABLY)
    count(world.plan.pk, world.flag)
    charted = rollout_plan.overview()["charts"]["minutes"]
    assert sum(minute["ably"]["shown"] for minute in charted) == 2
    assert sum(minute["ably"]["failed"] for minute in charted) == 1
    assert {bucket.transport for bucket in world.plan.minutes.all()} == {"ably", ""}
