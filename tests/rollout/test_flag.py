"""Who is on Ably, by the flag and the breaker as they stand in the database."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.core.cache import cache
from django.test import RequestFactory
from waffle import flag_is_active

from notificacao import rollout
from notificacao.models import BreakerState, RolloutFlag
from notificacao.models.rollout import BUCKETS

PEOPLE = range(1, 2001)


@pytest.fixture(autouse=True)
def ably(db, settings):
    """Configured and up, with the flag at 0% and a salt that stays the same; waffle's cache begins empty."""
    settings.ABLY_API_KEY = "app.key:secret"
    BreakerState.objects.filter(pk="ably").update(state=BreakerState.State.CLOSED)
    set_flag(salt="sal")
    cache.clear()
    yield
    cache.clear()


def set_flag(**fields):
    assert RolloutFlag.objects.filter(name="ably").update(**fields) == 1


def on_ably():
    now = rollout.current()
    return {pk for pk in PEOPLE if now.transport_for(pk, ()) == "ably"}


def test_the_flag_begins_at_nobody():
    assert on_ably() == set()


@pytest.mark.parametrize(("pk", "bucket"), [(1, 4012), (2, 70561), (3, 66530), (1999, 7868)])
def test_a_persons_bucket_is_the_same_in_every_process_and_release(pk, bucket):
    assert RolloutFlag(salt="sal").bucket(pk) == bucket


def test_the_same_people_are_on_ably_each_time_one_asks():
    set_flag(percent=30)
    first = on_ably()
    assert first
    assert all(on_ably() == first for _ in range(5))


def test_more_percent_only_adds_people_and_less_only_takes():
    grown = set()
    for percent in ("0", "0.1", "1", "5", "12.5", "50", "99.9", "100"):
        set_flag(percent=Decimal(percent))
        now = on_ably()
        assert now >= grown
        grown = now
    assert grown == set(PEOPLE)
    set_flag(percent=50)
    assert on_ably() < grown


@pytest.mark.parametrize("percent", ["0", "0.1", "1", "12.5", "50", "99.9", "100"])
def test_a_percent_takes_the_people_whose_bucket_is_below_it_and_about_as_many(percent):
    set_flag(percent=Decimal(percent))
    flag = RolloutFlag(salt="sal")
    limit = round(float(percent) * BUCKETS / 100)
    assert on_ably() == {pk for pk in PEOPLE if flag.bucket(pk) < limit}
    share = len(on_ably()) / len(PEOPLE) * 100
    assert share == pytest.approx(float(percent), abs=3.5)


def test_somebody_whose_bucket_is_the_percent_itself_comes_with_the_next_tenth():
    assert RolloutFlag(salt="sal").bucket(455) == 23_500
    set_flag(percent=Decimal("23.5"))
    assert rollout.current().transport_for(455, ()) == "sse"
    set_flag(percent=Decimal("23.6"))
    assert rollout.current().transport_for(455, ()) == "ably"


def test_another_salt_draws_other_people():
    set_flag(percent=50)
    first = on_ably()
    set_flag(salt="outro")
    assert 0.4 < len(on_ably() & first) / len(first) < 0.6


@pytest.mark.parametrize("percent", [0, 50, 100])
@pytest.mark.parametrize("everyone", [True, False])
def test_everyone_beats_every_percent(everyone, percent):
    set_flag(everyone=everyone, percent=percent)
    assert on_ably() == (set(PEOPLE) if everyone else set())


def test_without_a_key_of_ably_all_are_on_sse(settings):
    set_flag(everyone=True)
    settings.ABLY_API_KEY = ""
    now = rollout.current()
    assert on_ably() == set()
    assert not now.any_assigned(PEOPLE)
    assert (now.off, now.for_all, now.ably_up) == (True, False, False)


@pytest.mark.parametrize("state", [BreakerState.State.OPEN, BreakerState.State.HALF_OPEN])
def test_with_the_breaker_not_closed_all_are_on_sse_and_stay_assigned(state):
    set_flag(everyone=True)
    BreakerState.objects.filter(pk="ably").update(state=state)
    now = rollout.current()
    assert on_ably() == set()
    assert all(now.assigned(pk, ()) for pk in PEOPLE)
    assert not now.ably_up


def test_without_a_breaker_row_ably_counts_as_down():
    set_flag(everyone=True)
    BreakerState.objects.all().delete()
    assert on_ably() == set()


def test_a_change_in_the_database_shows_at_once_though_waffles_cache_is_old():
    assert RolloutFlag.get("ably").everyone is None  # now waffle remembers it
    set_flag(everyone=True)
    assert RolloutFlag.get("ably").everyone is None
    assert on_ably() == set(PEOPLE)
    set_flag(everyone=False)
    assert on_ably() == set()


def test_without_a_flag_row_nobody_is_on_ably():
    set_flag(everyone=True)
    RolloutFlag.objects.all().delete()
    now = rollout.current()
    assert on_ably() == set()
    assert (now.off, now.for_all, now.any_assigned(PEOPLE)) == (True, False, False)


def test_waffles_lists_of_users_and_groups_decide_nothing(ana, bia):
    group = Group.objects.create(name="piloto")
    bia.groups.add(group)
    flag = RolloutFlag.objects.get(name="ably")
    flag.users.add(ana)
    flag.groups.add(group)
    now = rollout.current()
    assert not now.any_assigned([ana.pk, bia.pk])
    assert not flag.is_active_for_user(ana)
    assert not flag.is_active_for_user(bia)


def test_waffle_itself_answers_as_the_rollout_does(ana, bia, caio):
    set_flag(percent=50)
    for person in (ana, bia, caio):
        request = RequestFactory().get("/", {"dwft_ably": "1"})
        request.user = person
        assert flag_is_active(request, "ably") is rollout.current().assigned(person.pk, ())


@pytest.mark.parametrize("everyone", [True, None])
def test_the_flag_is_off_for_the_inactive_and_for_the_anonymous(everyone, ana):
    flag = RolloutFlag(everyone=everyone, percent=100)
    assert flag.is_active_for_user(ana)
    ana.is_active = False
    assert not flag.is_active_for_user(ana)
    assert not flag.is_active_for_user(AnonymousUser())


@pytest.mark.parametrize(
    ("everyone", "percent", "off", "for_all"),
    [
        (None, "0", True, False),
        (None, "0.1", False, False),
        (None, "99.9", False, False),
        (None, "100", False, True),
        (True, "0", False, True),
        (True, "100", False, True),
        (False, "0", True, False),
        (False, "100", True, False),
    ],
)
def test_off_and_for_all_say_what_asking_each_person_would(everyone, percent, off, for_all):
    set_flag(everyone=everyone, percent=Decimal(percent))
    now = rollout.current()
    assert (now.off, now.for_all) == (off, for_all)
    assert now.any_assigned(PEOPLE) is not off
    assert all(now.assigned(pk, ()) for pk in PEOPLE) is for_all


def test_the_key_is_equal_until_something_that_decides_changes(settings):
    seen = [rollout.current().key]
    assert rollout.current().key == seen[0]
    for change in ({"percent": 5}, {"salt": "outro"}, {"everyone": True}, {"everyone": False}):
        set_flag(**change)
        seen.append(rollout.current().key)
    BreakerState.objects.filter(pk="ably").update(state=BreakerState.State.OPEN)
    seen.append(rollout.current().key)
    settings.ABLY_API_KEY = ""
    seen.append(rollout.current().key)
    assert len(set(seen)) == len(seen)


def test_asking_costs_one_query_for_any_number_of_people_whose_channels_are_known(django_assert_num_queries):
    set_flag(percent=50)
    with django_assert_num_queries(1):
        now = rollout.current()
        assert {now.transport_for(pk, ()) for pk in PEOPLE} == {"ably", "sse"}


def test_without_the_flags_row_the_breaker_is_told_all_the_same():
    RolloutFlag.objects.all().delete()
    BreakerState.objects.filter(pk="ably").update(state=BreakerState.State.CLOSED, forced=BreakerState.Forced.OPEN)
    now = rollout.current()
    assert (now.flag.everyone, now.breaker, now.forced) == (False, "open", "open")


def test_without_the_breakers_row_ably_is_out_of_use():
    set_flag(percent=50)
    BreakerState.objects.all().delete()
    now = rollout.current()
    assert (now.breaker, now.forced) == ("open", "")
