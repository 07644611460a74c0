"""Ask people once a week in their inbox "As notificações chegam a tempo?", and sum up the answers by arm.

The answers tell staff how people find the change. They decide nothing: the guard does not read them.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Avg, Count, Q
from django.utils import timezone

from notificacao import capability, eventlog, rollout
from notificacao.models import Arm, Opinion, Person

WEEKS = 5  # that are shown and kept, this one included: the template's plan takes 26 days
CONTENT_FROM = 4  # of 5: a mark from here on counts as content
FEWEST = 5  # people; the figures of fewer would show what one of them said
OUT_OF_TEN = {"before": 7, "goal": 9}  # the migration plan's satisfaction; it names no scale


@dataclass(frozen=True)
class Standing:
    """Tell whether the question is asked now, and else the answer of this week: 1 to 5, None where they gave none."""

    asked: bool
    answer: int | None = None


def standing_of(person: Person) -> Standing:
    """Return whether that person is asked now, and their answer of this week."""
    said = person.opinions.filter(week=this_week()).first()
    return Standing(said is None, said.answer if said else None)


def answer(person: Person, mark: int) -> None:
    """Store a person's answer of this week, `mark` from 1 to 5, in place of an earlier one."""
    said = {"answer": mark, "arm": _arm_of(person), "at": eventlog.now()}
    Opinion.objects.update_or_create(person=person, week=this_week(), defaults=said)


def _arm_of(person: Person) -> Arm | str:
    """Return the side on which the flag has the person; blank where they have more channels than Ably can carry."""
    if capability.beyond([person.pk]):
        return ""
    return Arm.ABLY if rollout.current().includes(person.pk) else Arm.CONTROL


def dismiss(person: Person) -> None:
    """Ask that person no more this week. An answer that they gave stands."""
    Opinion.objects.get_or_create(person=person, week=this_week())


def by_arm() -> dict[str, Any]:
    """Return the figures of the weeks that are shown, by arm, in JSON's types. No person is named.

    `since` (a Monday), `decides` (always false), `out_of_ten` (`before` and `goal`), `fewest` (people), and `arms`.
    Each arm has `label`, `answers`, of how many `people`, `mean` (1 to 5), the same `out_of_ten` (0 to 10), and
    `content`, the share of 4 and 5 (0 to 1). These last three are null where fewer than `fewest` people answered.
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
    """Delete the answers that are no longer shown.

    Without names they would be of no use, and week and arm would still tell whose they are.
    """
    Opinion.objects.filter(week__lt=_first_week()).delete()


def this_week() -> date:
    """Return the Monday of this week in the site's time zone, by the database's clock."""
    today = timezone.localtime(eventlog.now()).date()
    return today - timedelta(days=today.weekday())


def _first_week() -> date:
    return this_week() - timedelta(weeks=WEEKS - 1)


def _figures(answers: int = 0, people: int = 0, mean: float = 0, content: int = 0) -> dict[str, Any]:
    """Return the figures of one arm.

    The lowest mark is taken as 0 of 10 and the highest as 10, the strictest of the scales that "9/10" may mean: 9 of 10
    is a mean of 4.6 of 5.
    """
    told = people >= FEWEST
    return {
        "answers": answers,
        "people": people,
        "mean": round(mean, 1) if told else None,
        "out_of_ten": round((mean - 1) * 2.5, 1) if told else None,
        "content": round(content / answers, 2) if told else None,
    }
