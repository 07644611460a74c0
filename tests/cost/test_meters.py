"""What Ably bills is metered once: messages with the row that settles, time from sample to sample."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from notificacao import audiences, cost, eventlog
from notificacao.cost import Sent
from notificacao.database import clock
from notificacao.dispatcher import claims
from notificacao.dispatcher.orchestrator import OVER_BUDGET, PUBLISHED
from notificacao.models import (
    ActiveChannel,
    BreakerState,
    CanaryProbe,
    CostGovernor,
    CostMeter,
    DispatcherLease,
    Notification,
    RolloutFlag,
    WebProcess,
)
from tests.rows import write_stamped

pytestmark = pytest.mark.django_db
Kind = CostMeter.Kind
UNIT = "private:unit:cras-norte:notifications"


def metered():
    """`{(kind, priority): amount}`, of all days."""
    return {(kind, of): amount for kind, of, amount in CostMeter.objects.values_list("kind", "priority", "amount")}


def minutes(**kinds):
    return {(kind, ""): amount for kind, amount in kinds.items()}


@pytest.fixture
def presence(ana, bia, caio):
    """ana and bia are on Ably, ana at two web processes; caio is not, and a process that is dead had many."""
    web, other, dead = (WebProcess.objects.create(name=name) for name in ("web", "other", "dead"))
    WebProcess.objects.filter(pk="dead").update(seen_at=timezone.now() - timedelta(minutes=1))

    def there(process, channel, **lanes):
        ActiveChannel.objects.create(process=process, channel=channel, **lanes)

    for person in (ana, bia):
        there(web, audiences.channel_for_user(person), on_ably=1)
    there(other, audiences.channel_for_user(ana), on_ably=1)
    there(web, audiences.channel_for_user(caio), on_sse=1)
    there(web, UNIT, on_ably=2, on_sse=1)
    there(dead, UNIT, on_ably=70)


@pytest.fixture
def everybody(presence, settings):
    settings.ABLY_API_KEY = "app.key:secret"
    RolloutFlag.objects.update(everyone=True)


def sample(moment):
    cost.sample(cost.look(moment))


def test_a_message_counts_once_and_again_for_each_person_who_is_on_ably(presence, of_ana):
    cost.meter_messages([Sent(UNIT, "normal", 1), Sent(UNIT, "normal", 3), Sent(of_ana, "alta", 1)])
    assert metered() == {
        ("published", "normal"): 4,
        ("delivered", "normal"): 8,
        ("published", "alta"): 1,
        ("delivered", "alta"): 2,
    }
    cost.meter_messages([Sent(UNIT, "normal", 1)])
    assert metered()["delivered", "normal"] == 10


def test_what_was_moved_counts_as_what_ably_would_have_billed(presence):
    cost.meter_messages([Sent(UNIT, "baixa", 1)], moved=True)
    assert metered() == {("moved", "baixa"): 3}


def test_nothing_sent_is_nothing_metered(presence, django_assert_num_queries):
    with django_assert_num_queries(0):
        cost.meter_messages([])


def test_time_is_metered_from_one_sample_to_the_next(everybody):
    began = eventlog.now()
    sample(began)
    assert metered() == {}
    sample(began + timedelta(seconds=60))
    assert metered() == minutes(connected=180, channels=180, probing=60, assigned=180, metered=60)
    sample(began + timedelta(seconds=90))
    assert metered()["connected", ""] == 270


def test_part_of_a_second_is_not_lost(everybody):
    began = eventlog.now()
    for step in range(5):
        sample(began + timedelta(seconds=1.5 * step))
    assert metered()["metered", ""] == 6


def test_two_that_look_at_one_moment_meter_it_once(everybody):
    began = eventlog.now()
    sample(began)
    ours, theirs = (cost.look(began + timedelta(seconds=passed)) for passed in (60, 50))
    cost.sample(ours)
    cost.sample(theirs)
    assert metered()["metered", ""] == 60
    sample(began + timedelta(seconds=70))
    assert metered()["metered", ""] == 70


def test_a_night_in_which_nobody_looked_is_not_made_up(everybody):
    began = eventlog.now()
    sample(began)
    sample(began + timedelta(hours=9))
    assert metered()["metered", ""] == 600
    sample(began + timedelta(hours=9, seconds=60))
    assert metered()["metered", ""] == 660


def test_the_canarys_probes_count_for_two_where_they_were_heard(everybody):
    CanaryProbe.objects.create(round_trip_ms=3)
    began = eventlog.now()
    sample(began)
    for round_trip in (3, None, 4):
        CanaryProbe.objects.create(round_trip_ms=round_trip)
    for passed in (60, 120):
        sample(began + timedelta(seconds=passed))
    assert metered()["probes", ""] == 5


def test_without_ably_there_is_no_canary_and_nobody_is_on_it(presence):
    began = eventlog.now()
    sample(began)
    sample(began + timedelta(seconds=60))
    assert not {"probing", "assigned"} & {kind for kind, _ in metered()}


def test_with_the_breaker_forced_open_the_canary_is_silent(everybody):
    BreakerState.objects.update_or_create(pk="ably", defaults={"forced": "open"})
    began = eventlog.now()
    sample(began)
    sample(began + timedelta(seconds=60))
    assert ("probing", "") not in metered()


def test_how_many_are_on_ably_by_the_flag_is_kept_for_the_forecast(everybody):
    sample(eventlog.now())
    assert CostGovernor.objects.get().assigned == 3


# --- With the row that settles


@pytest.fixture
def claimed(presence):
    DispatcherLease.objects.update(term=7)
    clock.note(eventlog.now())
    write_stamped(1, UNIT, priority="baixa")
    write_stamped(2, UNIT, priority="urgente")
    lease, rows = claims.claim(7)
    return lease, [row.pk for row in rows]


def test_a_published_row_is_metered_with_its_size_in_the_transaction_that_settles_it(claimed):
    lease, (low, urgent) = claimed
    settled = {lease: {low: replace(PUBLISHED, billed=1), urgent: replace(PUBLISHED, billed=4)}}
    assert claims.settle(settled) == 2
    assert metered() == {
        ("published", "baixa"): 1,
        ("delivered", "baixa"): 2,
        ("published", "urgente"): 4,
        ("delivered", "urgente"): 8,
    }
    assert claims.settle(settled) == 0
    assert metered()["published", "urgente"] == 4, "settled again it is not metered again"


def test_a_row_that_another_leader_holds_by_now_is_not_metered(claimed):
    lease, (low, urgent) = claimed
    Notification.objects.filter(pk=low).update(lease="8.other")
    claims.settle({lease: {low: PUBLISHED, urgent: PUBLISHED}})
    assert {of for _, of in metered()} == {"urgente"}


def test_a_settling_that_fails_meters_nothing(claimed, monkeypatch):
    lease, (low, _) = claimed
    monkeypatch.setattr(audiences, "kind_of", lambda channel: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        claims.settle({lease: {low: PUBLISHED}})
    assert metered() == {}


def test_a_metering_that_fails_settles_nothing(claimed, monkeypatch):
    lease, (low, _) = claimed
    monkeypatch.setattr(cost, "meter_messages", lambda sent, moved: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        claims.settle({lease: {low: PUBLISHED}})
    assert Notification.objects.get(pk=low).dispatch_state == "pending"


def test_a_moved_row_is_metered_as_moved_and_says_why_it_went_by_sse(claimed):
    lease, (low, _) = claimed
    claims.settle({lease: {low: OVER_BUDGET}})
    assert metered() == {("moved", "baixa"): 3}
    row = Notification.objects.get(pk=low)
    assert (row.dispatch_state, row.error) == ("skipped", cost.MOVED)
