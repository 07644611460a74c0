"""Add up the month so far, and forecast its end by kind of day: working day or weekend.

A day's use grows with the people whom the flag puts on Ably, so a day of the past counts by person: a rollout that goes
on does not spoil it. The formula is in `docs/custo.md`.
"""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from notificacao import eventlog, rollout
from notificacao.cost import prices
from notificacao.cost.meters import metered
from notificacao.cost.prices import Costs, Kind, Meters
from notificacao.models import CostGovernor, RolloutPlan

LOOK_BACK = timedelta(days=28)
_WHOLE_DAY = 72_000  # seconds metered from which on a day tells what a day is like
_DEVIATIONS = Decimal("1.645")  # nine in ten months are within the band
_CENT = Decimal("0.01")
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Forecast:
    """Hold what the month will have cost at its end, in US dollars: most likely, and the band around that."""

    expected: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True)
class Month:
    """Hold one month: what it costs so far, what it will, and what it may, in US dollars.

    `fixed` is due whatever is sent, and so part of `spent` from the first day. `days` are those that were metered, up
    to `today`. `observed` is the number of whole days from which the forecast is made.
    """

    today: date
    fixed: dict[str, Decimal]
    days: dict[date, Costs]
    meters: dict[date, Meters]
    forecast: Forecast
    budget: Decimal
    observed: int

    @property
    def spent(self) -> Decimal:
        return _cents(sum(self.fixed.values(), _ZERO) + sum((costs.total for costs in self.days.values()), _ZERO))

    @property
    def ahead(self) -> bool:
        """Tell whether the month will pass its budget, by the forecast."""
        return self.forecast.expected > self.budget

    @property
    def last_day(self) -> date:
        return _last_of(self.today)


@dataclass(frozen=True)
class Usual:
    """Hold what a day of one kind costs for each person on Ably: the mean of `days` days and their deviation."""

    mean: Decimal
    deviation: Decimal
    days: int


def is_weekend(day: date) -> bool:
    """Tell whether `day` is a Saturday or a Sunday; holidays are taken for working days."""
    return day.weekday() >= 5


def month(now: datetime | None = None, by_sse: frozenset[str] | None = None) -> Month:
    """Return the month of `now`, by the database's clock where that is not given.

    `by_sse` are the priorities that are kept off Ably from now on; None: those that the governor moves now.
    """
    today = timezone.localdate(now or eventlog.now())
    governor = CostGovernor.objects.filter(pk=1).first() or CostGovernor(pk=1)
    by_sse = governor.by_sse if by_sse is None else by_sse
    first = today.replace(day=1)
    history = metered(min(first, today - LOOK_BACK), today)
    meters = {day: found for day, found in history.items() if day >= first}
    days = {day: prices.cost_of(day, found) for day, found in meters.items()}
    fixed = prices.monthly(today)
    past = {day: found for day, found in history.items() if today - LOOK_BACK <= day < today and _tells(found)}
    spent = sum(fixed.values(), _ZERO) + sum((costs.total for costs in days.values()), _ZERO)
    outlook = _Outlook(past, by_sse)
    forecast = outlook.forecast(spent, today, days.get(today, Costs()), governor.assigned)
    return Month(today, fixed, days, meters, forecast, prices.budget(), outlook.observed)


def _tells(meters: Meters) -> bool:
    """Tell whether nearly all of the day was metered."""
    return meters.get((Kind.METERED, ""), 0) >= _WHOLE_DAY


class _Outlook:
    """Foretell days to come from whole days of the past."""

    def __init__(self, past: dict[date, Meters], by_sse: frozenset[str]):
        costs = {day: prices.cost_if_moved(day, found, by_sse) for day, found in past.items()}
        self._probes = _mean([of_day.probes for of_day in costs.values()])
        people = {day: _assigned(found) for day, found in past.items()}
        self._by_person = {day: costs[day].of_people / people[day] for day in past if people[day]}
        self.observed = len(self._by_person)
        self._usual = {weekend: self._of_kind(weekend) for weekend in (False, True)}

    def _of_kind(self, weekend: bool) -> Usual:
        """Return what is usual on such days; before there was one, what is usual on the others, with no certainty."""
        alike = [cost for day, cost in self._by_person.items() if is_weekend(day) is weekend]
        known = alike or list(self._by_person.values())
        mean = _mean(known)
        if len(alike) < 2:
            return Usual(mean, mean / 2, 1)
        variance = sum(((cost - mean) ** 2 for cost in alike), _ZERO) / (len(alike) - 1)
        return Usual(mean, variance.sqrt(), len(alike))

    def forecast(self, spent: Decimal, today: date, so_far: Costs, people: int) -> Forecast:
        """Return the forecast: `spent`, what today lacks of a usual day, and the days to come.

        Its upper end has the people of the plan's last stage on Ably, where a plan is under way.
        """
        to_come = [today + timedelta(days=ahead) for ahead in range(1, (_last_of(today) - today).days + 1)]
        rest_of_today = max(_ZERO, self._day(today, people) - so_far.total)
        expected = spent + rest_of_today + self._sum(to_come, people)
        band = _DEVIATIONS * self._deviation(to_come, people)
        grown = spent + rest_of_today + self._sum(to_come, _at_the_end_of_the_plan(people))
        low, high = max(spent, expected - band), max(expected + band, grown)
        return Forecast(_cents(expected), _cents(low), _cents(high))

    def _day(self, day: date, people: int) -> Decimal:
        return self._usual[is_weekend(day)].mean * people + self._probes

    def _sum(self, days: Iterable[date], people: int) -> Decimal:
        return sum((self._day(day, people) for day in days), _ZERO)

    def _deviation(self, days: list[date], people: int) -> Decimal:
        """Return how far the sum of `days` may be from what is expected: each differs, and the mean is not certain."""
        variance = _ZERO
        for weekend, usual in self._usual.items():
            count = sum(is_weekend(day) is weekend for day in days)
            variance += (usual.deviation * people) ** 2 * (count + Decimal(count) ** 2 / usual.days)
        return variance.sqrt()


def _assigned(meters: Meters) -> Decimal:
    """Return how many people the flag had on Ably, on average over the day."""
    seconds = meters.get((Kind.METERED, ""), 0)
    return Decimal(meters.get((Kind.ASSIGNED, ""), 0)) / seconds if seconds else _ZERO


def _at_the_end_of_the_plan(people: int) -> int:
    """Return how many people will be on Ably at the last stage of the plan that is under way; else as many as now."""
    plan = RolloutPlan.objects.last()
    percent = rollout.current().flag.percent
    last = plan.stages.last() if plan is not None and plan.under_way else None
    return max(people, round(people * last.percent / percent)) if last and percent else people


def _mean(costs: list[Decimal]) -> Decimal:
    return sum(costs, _ZERO) / len(costs) if costs else _ZERO


def _last_of(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT)
