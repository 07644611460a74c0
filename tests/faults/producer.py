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
from collections.abc import Iterator
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "semtas.settings")

import django

django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import Error, connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from notificacao import audiences  # noqa: E402
from notificacao.content import Notice  # noqa: E402
from notificacao.models import Membership, Notification, Person, Role, RolloutFlag, Unit  # noqa: E402
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
