"""November 2026 with five hundred people, six hours at a time, and the bill that Ably would send, added up apart."""

import random
from collections import Counter
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from notificacao import cost
from notificacao.cost import meters
from notificacao.models import CostGovernor, CostMeter

CITY = ZoneInfo("America/Sao_Paulo")
FIRST, DAYS, PEOPLE, STEPS = date(2026, 11, 1), 30, 500, 4
SHARES = {"baixa": 0.30, "normal": 0.45, "alta": 0.20, "urgente": 0.05}
BASE, SERVERS = Decimal(29), Decimal(60)
Kind = CostMeter.Kind


class SimulatedMonth:
    """`messages` a working day with everybody on Ably; `percent(day of the month)` is the flag's."""

    def __init__(self, messages: int, percent, seed: int = 0):
        self._messages = messages
        self._percent = percent
        self._chance = random.Random(seed)
        self.billed: Counter[str] = Counter()  # by priority
        self.moved: Counter[str] = Counter()
        self.levels: list[int] = []
        self._minutes = self._probes = 0
        CostGovernor.objects.get_or_create(pk=1)

    @property
    def bill(self) -> Decimal:
        """Base and servers, minutes at $1 a million, messages at $2.50."""
        usage = self._minutes + Decimal("2.5") * (sum(self.billed.values()) + self._probes)
        return BASE + SERVERS + usage / 1_000_000

    def lives(self, since: int, until: int) -> None:
        """From the morning of one day of the month to the evening of another."""
        for number in range(since, until + 1):
            busy = 1.0 if is_working_day(number) else 0.08
            busy *= self._chance.gauss(1, 0.07) * self._percent(number) / 100
            for step in range(STEPS):
                self._quarter(number, step, busy)

    def _quarter(self, number: int, step: int, busy: float) -> None:
        now = at(number, 6 * step + 5)
        assigned = int(PEOPLE * self._percent(number) / 100)
        connected = int(PEOPLE * busy * 8 * 3_600 / STEPS)
        used = {
            (Kind.CONNECTED, ""): connected,
            (Kind.CHANNELS, ""): connected,
            (Kind.PROBING, ""): 21_600,
            (Kind.PROBES, ""): 2_880,
            (Kind.ASSIGNED, ""): assigned * 21_600,
            (Kind.METERED, ""): 21_600,
        }
        self._minutes += Decimal(2 * (connected + 21_600)) / 60
        self._probes += 2_880
        by_sse = cost.by_sse()
        for priority, share in SHARES.items():
            amount = int(self._messages * busy * share / STEPS)
            kind, counted = (Kind.MOVED, self.moved) if priority in by_sse else (Kind.DELIVERED, self.billed)
            used[kind, priority] = amount
            counted[priority] += amount
        meters._add(now.date(), used)
        CostGovernor.objects.update(assigned=assigned)
        cost.govern(cost.advise(now))
        self.levels.append(CostGovernor.objects.get(pk=1).level)


def is_working_day(number: int) -> bool:
    return (FIRST + timedelta(days=number - 1)).weekday() < 5


def at(number: int, hour: int) -> datetime:
    return datetime.combine(FIRST + timedelta(days=number - 1), time(hour), CITY)
