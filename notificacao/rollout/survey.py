"""The one question to whoever opens the inbox, once a week: "As notificações chegam a tempo?", and its answers by arm.

It tells staff how people find the change; it decides nothing, the guard does not read it.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Avg, Count, Q
from django.utils import timezone

from notificacao import eventlog, rollout
from notificacao.models import Arm, Opinion, Person

WEEKS = 5  # shown, this one with them, and kept: the template's plan takes 26 days
CONTENT_FROM = 4  # of 5
FEWEST = 5  # people; of fewer the figures would be what one of them said
OUT_OF_TEN = {"before": 7, "goal": 9}  # the migration plan's satisfaction; it names no scale


@dataclass(frozen=True)
class Standing:
    """Whether the question is asked now; else what was answered this week, None where they would rather not say."""

    asked: bool
    answer: int | None = None


def standing_of(person: Person) -> Standing:
    said = person.opinions.filter(week=this_week()).first()
    return Standing(said is None, said.answer if said else None)


def answer(person: Person, mark: int) -> None:
    """`mark` is 1 to 5; it takes the place of what they said this week."""
    arm = Arm.ABLY if rollout.current().assigned(person.pk) else Arm.CONTROL
    said = {"answer": mark, "arm": arm, "at": eventlog.now()}
    Opinion.objects.update_or_create(person=person, week=this_week(), defaults=said)


def dismiss(person: Person) -> None:
    """Not asked again this week. An answer stands."""
    Opinion.objects.get_or_create(person=person, week=this_week())


def by_arm() -> dict[str, Any]:
    """`since` (a Monday), `decides` (never), `out_of_ten`: `before` and `goal`; and by arm: `label`, `answers`, of how
    many `people`, `mean` (1 to 5), the same `out_of_ten`, and `content`, the share of 4 and 5; these three are null
    where fewer than `fewest` people answered. Nobody is named.
    """
    since = _first_week()
    answers = Opinion.objects.filter(week__gte=since, answer__isnull=False)
    sums = answers.values_list("arm").annotate(
        Count("pk"),
        Count("person", distinct=True),
        Avg("answer"),
        content=Count("pk", filter=Q(answer__gte=CONTENT_FROM)),
    )
    by = {arm: _figures(*figures) for arm, *figures in sums}
    arms = {arm.value: {"label": arm.label, **by.get(arm, _figures())} for arm in (Arm.ABLY, Arm.CONTROL)}
    return {"since": since.isoformat(), "decides": False, "out_of_ten": OUT_OF_TEN, "fewest": FEWEST, "arms": arms}


def forget_the_old() -> None:
    """Delete what is no longer shown. Nameless it would be nobody's use, and with week and arm still somebody's."""
    Opinion.objects.filter(week__lt=_first_week()).delete()


def this_week() -> date:
    """Its Monday, in the site's time zone, by the database's clock."""
    today = timezone.localtime(eventlog.now()).date()
    return today - timedelta(days=today.weekday())


def _first_week() -> date:
    return this_week() - timedelta(weeks=WEEKS - 1)


def _figures(answers: int = 0, people: int = 0, mean: float = 0, content: int = 0) -> dict[str, Any]:
    """The lowest mark is 0 of 10, the highest 10: of the scales that "9/10" may mean the strictest, 4.6 of 5."""
    told = people >= FEWEST
    return {
        "answers": answers,
        "people": people,
        "mean": round(mean, 1) if told else None,
        "out_of_ten": round((mean - 1) * 2.5, 1) if told else None,
        "content": round(content / answers, 2) if told else None,
    }
