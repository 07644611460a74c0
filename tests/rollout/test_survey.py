"""The question of the week: one answer a person and week, its arm, its figures, and how long it is kept."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from notificacao import eventlog, retention
from notificacao.models import Opinion, RolloutFlag
from notificacao.rollout import plan as rollout_plan
from notificacao.rollout import survey
from tests.conftest import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def on_ably(settings):
    """Who answers from here on is on Ably."""
    settings.ABLY_API_KEY = "app.key:segredo"

    def put(everyone):
        RolloutFlag.objects.update(everyone=everyone)

    return put


def a_week_passes():
    Opinion.objects.update(week=F("week") - timedelta(days=7))


def people(count, name="p"):
    return [make_person(f"{name}{number}") for number in range(count)]


def test_it_is_asked_once_a_week_and_an_answer_may_be_changed_meanwhile(ana):
    assert survey.standing_of(ana).asked
    survey.answer(ana, 2)
    survey.answer(ana, 5)
    assert survey.standing_of(ana) == survey.Standing(asked=False, answer=5)
    a_week_passes()
    assert survey.standing_of(ana).asked
    survey.answer(ana, 3)
    assert list(Opinion.objects.order_by("week").values_list("answer", flat=True)) == [5, 3]


def test_who_would_rather_not_say_is_left_alone_for_the_week_and_counts_for_nothing(ana, bia):
    survey.dismiss(ana)
    assert survey.standing_of(ana) == survey.Standing(asked=False)
    assert survey.standing_of(bia).asked
    assert survey.by_arm()["arms"]["control"]["answers"] == 0
    a_week_passes()
    assert survey.standing_of(ana).asked


def test_an_answer_of_another_tab_is_not_dismissed(ana):
    survey.answer(ana, 4)
    survey.dismiss(ana)
    assert survey.standing_of(ana).answer == 4


@pytest.mark.parametrize("answer", [0, 6])
def test_the_database_takes_no_other_mark(ana, answer):
    with pytest.raises(IntegrityError), transaction.atomic():
        Opinion.objects.create(person=ana, week=date(2026, 11, 23), answer=answer)


def test_the_database_takes_one_a_person_and_week(ana, bia):
    for person in (ana, bia):
        Opinion.objects.create(person=person, week=date(2026, 11, 23), answer=3)
    with pytest.raises(IntegrityError), transaction.atomic():
        Opinion.objects.create(person=ana, week=date(2026, 11, 23), answer=3)


@pytest.mark.parametrize(
    ("moment", "monday"),
    [
        (datetime(2026, 11, 23, 2, 59, tzinfo=UTC), date(2026, 11, 16)),  # Sunday, 23:59 in São Paulo
        (datetime(2026, 11, 23, 3, 0, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2027, 1, 1, 12, 0, tzinfo=UTC), date(2026, 12, 28)),
    ],
)
def test_a_week_begins_on_monday_in_the_sites_own_time(monkeypatch, moment, monday):
    monkeypatch.setattr(eventlog, "now", lambda: moment)
    assert survey.this_week() == monday


def test_an_answer_keeps_the_arm_that_the_person_had_when_they_gave_it(ana, on_ably):
    on_ably(False)
    survey.answer(ana, 3)
    a_week_passes()
    on_ably(True)
    survey.answer(ana, 4)
    on_ably(False)
    assert list(Opinion.objects.order_by("week").values_list("arm", flat=True)) == ["control", "ably"]


def test_the_figures_are_by_arm_and_name_nobody(on_ably):
    on_ably(True)
    for person, mark in zip(people(5), (5, 5, 5, 4, 3), strict=True):
        survey.answer(person, mark)
    on_ably(False)
    for person in people(4, "few"):
        survey.answer(person, 1)
    found = survey.by_arm()
    assert found["arms"]["ably"] == {
        "label": "Ably", "answers": 5, "people": 5, "mean": 4.4, "out_of_ten": 8.5, "content": 0.8
    }  # fmt: skip
    assert found["arms"]["control"] == {
        "label": "SSE", "answers": 4, "people": 4, "mean": None, "out_of_ten": None, "content": None
    }  # fmt: skip
    assert (found["decides"], found["out_of_ten"]) == (False, {"before": 7, "goal": 9})
    assert rollout_plan.overview()["opinions"] == found


def test_the_same_people_again_are_not_more_people(ana, bia):
    for _ in range(3):
        a_week_passes()
        survey.answer(ana, 5)
        survey.answer(bia, 5)
    control = survey.by_arm()["arms"]["control"]
    assert (control["answers"], control["people"], control["mean"]) == (6, 2, None)


def test_what_is_no_longer_shown_is_deleted(ana):
    for _ in range(survey.WEEKS + 2):
        survey.answer(ana, 5)
        a_week_passes()
    survey.answer(ana, 5)
    shown = survey.by_arm()["arms"]["control"]["answers"]
    retention.clear_the_rest()
    assert shown == Opinion.objects.count() == survey.WEEKS
