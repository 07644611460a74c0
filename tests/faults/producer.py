"""A producer as a process of its own: `python -m tests.faults.producer`. It is told what to do, one JSON line each.

Its threads commit one by one, in batches, in long transactions that overlap, and roll back; what became of each row is
written down after the answer to its own commit.
"""

import itertools
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")

import django

django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import Error, connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from notificacao import audiences  # noqa: E402
from notificacao.content import Notice  # noqa: E402
from notificacao.models import Membership, Notification, Person, Role, RolloutFlag, RolloutPlan, Unit  # noqa: E402
from notificacao.rollout import plan as rollout_plan  # noqa: E402
from notificacao.rollout.plan import SystemActor  # noqa: E402
from notificacao.services import notify_many  # noqa: E402


class RolledBack(Exception):
    """On purpose."""


class Production:
    """Threads that produce to `channels` until `end`; `truth` grows by one line for each row."""

    def __init__(self, channels: list[str], threads: int, pace: float):
        self.truth: list[dict] = []
        self.tried = 0  # transactions
        self._channels = channels
        self._pace = pace  # seconds between the transactions of a thread, on average
        self._over = threading.Event()
        styles = itertools.cycle([_one_by_one, _batches, _long_transactions, _one_by_one, _roll_backs])
        self._threads = [
            threading.Thread(target=self._run, args=(style,)) for style in itertools.islice(styles, threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, style) -> None:
        for size, lasts, fate in style():
            self._transaction(size, lasts, fate)
            if self._over.wait(random.uniform(0, 2 * self._pace)):
                break
        connection.close()

    def _transaction(self, size: int, lasts: float, fate: str) -> None:
        """One transaction of `size` events, open for `lasts` seconds."""
        rows: list[Notification] = []
        began = time.monotonic()
        try:
            with transaction.atomic():
                rows += notify_many(self._notice() for _ in range(size))
                self._over.wait(lasts)
                if fate == "rolled back":
                    raise RolledBack
        except RolledBack:
            pass
        except Error:  # the database is away: the commit may have been the last that it heard
            fate = "unknown"
            connection.close()
            self._over.wait(0.1)
        ended = time.monotonic()
        self.tried += 1
        self.truth += [_line(row, fate, began, ended) for row in rows]

    def _notice(self) -> Notice:
        channels = random.sample(self._channels, k=random.choice((1, 1, 1, 2)))
        lasts = random.choice([None] * 8 + [random.uniform(0.1, 3), 1_800])  # seconds
        expires_at = timezone.now() + timedelta(seconds=lasts) if lasts else None
        return Notice.of(channels=tuple(channels), title="Algo a fazer", message="Há algo.", expires_at=expires_at)

    def end(self) -> list[dict]:
        self._over.set()
        for thread in self._threads:
            thread.join()
        return self.truth


def _one_by_one() -> Iterator[tuple[int, float, str]]:
    while True:
        yield 1, 0.0, "committed"


def _batches() -> Iterator[tuple[int, float, str]]:
    while True:
        yield random.randint(2, 12), 0.0, "committed"


def _long_transactions() -> Iterator[tuple[int, float, str]]:
    while True:
        yield random.randint(1, 3), random.uniform(0.05, 0.6), "committed"


def _roll_backs() -> Iterator[tuple[int, float, str]]:
    while True:
        yield random.randint(1, 3), random.uniform(0, 0.3), random.choice(("rolled back", "committed"))


def _line(row: Notification, fate: str, began: float, ended: float) -> dict:
    return {
        "id": str(row.public_id),
        "event_id": str(row.event_id),
        "channel": row.channel,
        "expires_at": row.expires_at and row.expires_at.timestamp(),
        "committed": {"committed": True, "rolled back": False, "unknown": None}[fate],
        "began": began,
        "ended": ended,
    }


def send(channel: str) -> list[dict]:
    """One row, committed."""
    began = time.monotonic()
    rows = notify_many([Notice.of(channels=(channel,), title="Algo a fazer", message="Há algo.")])
    return [_line(row, "committed", began, time.monotonic()) for row in rows]


def cast(size: int) -> list[dict]:
    """People of two units, all of them in the rollout, each logged in."""
    RolloutFlag.objects.filter(name="ably").update(everyone=True)
    codes = ("CRAS01", "CRAS02")
    units = [Unit.objects.create(code=code, name=code, sigla=code, kind=Unit.Kind.CRAS) for code in codes]
    people = [Person.objects.create(username=f"pessoa{n}") for n in range(size)]
    for person, unit in zip(people, itertools.cycle(units), strict=False):
        Membership.objects.create(person=person, role=Role.TECNICO, unit=unit)
    heard = audiences.channels_of([person.pk for person in people])
    return [{"name": p.username, "session": _log_in(p), "hears": heard[p.pk]} for p in people]


def log_in() -> list[str]:
    """New sessions of the people, in the order of the cast."""
    return [_log_in(person) for person in Person.objects.filter(memberships__role=Role.TECNICO).order_by("pk")]


def administrator(password: str) -> None:
    """A superuser who holds ADMIN too, and so is told what the guard does."""
    person = Person.objects.create_superuser("chefe", password=password)
    Membership.objects.create(person=person, role=Role.ADMIN)


def plan(percents: list[int], position: int) -> list[str]:
    """A new plan of these stages, under way in its stage `position`: the names of those whom it has put on Ably.

    Of those who have no role but TECNICO exactly the stage's share is, in each stage.
    """
    if rollout_plan.newest().state in RolloutPlan.REVERSIBLE:
        _act(rollout_plan.roll_back)
    stages = tuple(rollout_plan.Stage(Decimal(percent), 48, 300) for percent in percents)
    if rollout_plan.Draft.of(rollout_plan.newest()).stages != stages:
        _act(rollout_plan.edit, draft=rollout_plan.Draft(stages, Decimal(0), needs_approval=True))
    people = Person.objects.filter(memberships__role=Role.TECNICO)
    RolloutFlag.objects.update(everyone=None, salt=_even_salt(list(people.values_list("pk", flat=True)), percents))
    for act in (rollout_plan.start, *(rollout_plan.advance,) * (position - 1)):
        _act(act)
    flag = RolloutFlag.objects.get()
    return [person.username for person in people if flag.includes(person.pk)]


def _act(act: Callable, **more) -> None:
    act(SystemActor.SHELL, version=rollout_plan.newest().version, reason="Ensaio", **more)


def _even_salt(person_pks: list[int], percents: list[int]) -> str:
    for salt in map(str, itertools.count()):
        flags = [RolloutFlag(salt=salt, percent=Decimal(percent)) for percent in percents]
        if all(100 * sum(map(flag.includes, person_pks)) == flag.percent * len(person_pks) for flag in flags):
            return salt
    raise AssertionError


def _log_in(person: Person) -> str:
    store = SessionStore()
    store[SESSION_KEY] = str(person.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = person.get_session_auth_hash()
    store.create()
    return store.session_key


def main() -> None:
    production: Production | None = None
    for line in sys.stdin:
        order = json.loads(line)
        answer: object = None
        match order.pop("do"):
            case "cast":
                answer = cast(**order)
            case "log_in":
                answer = log_in()
            case "administrator":
                administrator(**order)
            case "plan":
                answer = plan(**order)
            case "send":
                answer = send(**order)
            case "produce":
                production = Production(**order)
            case "tried":
                answer = production.tried
            case "end":
                answer = production.end()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
