"""The whole site in one thread and in virtual time: the real stamper, claims, orchestrator, hub and stream; a database
of its own with several producers' connections; pages, and an Ably, that are models.
"""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import OperationalError, connections, transaction

from notificacao import audiences, database, eventlog, rollout, wakes
from notificacao.dispatcher import changes, claims, lease, orchestrator
from notificacao.dispatcher.breaker import Breaker
from notificacao.dispatcher.orchestrator import NotificationOrchestrator
from notificacao.dispatcher.stamp import LeadLost, stamp
from notificacao.models import (
    BreakerState,
    Channel,
    DispatcherLease,
    LogHead,
    Membership,
    Notification,
    Person,
    Role,
    RolloutFlag,
    Unit,
)
from notificacao.reading import Reader
from notificacao.stream.application import StreamApplication
from notificacao.stream.hub import Hub
from notificacao.transports import Envelope
from tests.asgi import log_in
from tests.faults import history
from tests.faults.history import Hearing, Row
from tests.faults.page import Saved
from tests.faults.tabs import Ably, Tab, wire
from tests.faults.virtual import VirtualLoop

WRITERS = ("writer1", "writer2", "writer3")


@contextlib.contextmanager
def unless_busy() -> Iterator[None]:
    """What another's transaction holds up is not done: whoever wanted it comes again. On SQLite that is any other's."""
    try:
        yield
    except OperationalError as error:
        if not database.is_busy(error):
            raise


class Dispatcher:
    """One process, step by step: it may die, or fall asleep, between any two."""

    def __init__(self, world: "World"):
        self._world = world
        self._holder = uuid.uuid4().hex
        self._term: int | None = None
        self._held: tuple[str, list[Notification]] = ("", [])
        self._outcomes: dict[int, orchestrator.Outcome] = {}

    def die(self) -> None:
        """Another process takes its place."""
        self.__init__(self._world)

    def lead(self) -> None:
        with unless_busy():
            self._term = lease.hold(self._holder, self._term)

    def stamp(self) -> None:
        """As whoever it believes to be: it may have slept past its term."""
        if self._term is not None:
            try:
                with unless_busy():
                    while rows := stamp(self._term):
                        changes.tell_of(rows)
                    while changes.number(self._term)[0]:
                        wakes.wake(wakes.HUBS)
            except LeadLost:
                self._term = None

    def claim(self) -> None:
        if self._term is None:
            return
        with unless_busy():
            self._held = claims.claim(self._term)
            self._outcomes = {}

    def publish(self) -> None:
        _, rows = self._held
        if rows:
            envelopes, self._outcomes = orchestrator.route(rows, rollout.current())
            self._outcomes |= self._world.loop.run_until_complete(self._send(envelopes))

    async def _send(self, envelopes: list[Envelope]) -> dict[int, orchestrator.Outcome]:
        told = await asyncio.gather(*map(self._world.orchestrator.send, envelopes))
        return {envelope.row.pk: outcome for envelope, outcome in zip(envelopes, told, strict=True) if outcome}

    def settle(self) -> None:
        held, _ = self._held
        with unless_busy():
            if self._outcomes:
                claims.settle({held: self._outcomes})
                wakes.wake(wakes.HUBS)
            self._held, self._outcomes = ("", []), {}


@dataclass
class _Open:
    """A producer's transaction: the rows that it wrote, and `(person, unit, since)` of each membership that it changed;
    `since` is None where it ended.
    """

    held: Any
    rows: list[Row] = field(default_factory=list)
    changed: list[tuple[Person, Unit, int | None]] = field(default_factory=list)


class World:
    """One life of it, on `loop`, from an empty log on."""

    def __init__(self, loop: VirtualLoop):
        self.loop = loop
        self.tabs: list[Tab] = []
        self.closed: list[Tab] = []
        self.expired: set[str] = set()
        self.rows: dict[str, Row] = {}
        self.hearings: dict[int, list[Hearing]] = {}
        self.ably = Ably()
        self._open: dict[str, _Open] = {}
        _empty_the_log()
        self.units = list(Unit.objects.order_by("pk"))
        self.people = list(Person.objects.order_by("pk"))
        self.cookies = {person.pk: log_in(person) for person in self.people}
        for person in self.people:
            self.hearings[person.pk] = [Hearing(audiences.SYSTEM_CHANNEL), Hearing(audiences.channel_for_user(person))]
        self.breaker = Breaker(clock=loop.time)
        self.orchestrator = NotificationOrchestrator(self.ably, self.breaker, self._read_rollout)
        self.dispatchers = [Dispatcher(self) for _ in range(2)]
        self.hub = Hub()
        self.application = StreamApplication(self.hub)
        self._running = loop.create_task(self.hub.run())
        self.watch_ably()
        loop.pass_time(0.1)

    async def _read_rollout(self) -> rollout.Rollout:
        return rollout.current()

    def watch_ably(self) -> None:
        """Probe where the breaker lets one through, and write down what it says."""
        if self.breaker.state != "closed" and self.breaker.admit():
            if self.ably.down:
                self.breaker.failure("down")
            else:
                self.breaker.success()
        state = BreakerState.State.CLOSED if self.breaker.state == "closed" else BreakerState.State.OPEN
        with unless_busy():
            BreakerState.objects.update_or_create(pk=rollout.BREAKER, defaults={"state": state})
        wakes.wake(wakes.HUBS)

    def assigned(self, person: Person) -> bool:
        return rollout.current().includes(person.pk)

    @property
    def channels(self) -> list[str]:
        personal = [audiences.channel_for_user(person) for person in self.people]
        return [audiences.SYSTEM_CHANNEL, *map(audiences.channel_for_unit, self.units), *personal]

    unless_busy = staticmethod(unless_busy)

    # --- Producers

    def write(self, writer: str, channels: list[str]) -> None:
        """One event in the open transaction of `writer`, which begins here where there is none.

        On SQLite there is one at a time: what another one would write goes into that.
        """
        within = self._transaction(writer)
        rows, using = within.rows, within.held.using
        event_id = uuid.uuid4() if len(channels) > 1 else None
        for channel in channels:
            began = time.monotonic()
            row = Notification(channel=channel, title="Algo", message="Algo.", event_id=event_id)
            row.save(using=using)
            rows.append(Row(str(row.public_id), str(row.event_id), channel, began=began))

    @property
    def is_held_up(self) -> bool:
        """Whether nobody but the one that is open may write, as on SQLite."""
        return bool(self._open) and connections["default"].vendor == "sqlite"

    def _transaction(self, writer: str) -> _Open:
        if self.is_held_up:
            (writer,) = self._open
        if writer not in self._open:
            held = transaction.atomic(using=writer)
            held.__enter__()
            self._open[writer] = _Open(held)
        return self._open[writer]

    def end(self, writer: str, *, commit: bool) -> None:
        ending = self._open.pop(writer)
        if not commit:
            transaction.set_rollback(True, using=writer)
        ending.held.__exit__(None, None, None)
        ended = time.monotonic()
        self.rows |= {row.id: replace(row, committed=commit, ended=ended) for row in ending.rows}
        for person, unit, since in ending.changed if commit else ():
            self._note(person, unit, since)
        wakes.wake(wakes.DISPATCHER)

    @property
    def writing(self) -> list[str]:
        return sorted(self._open)

    def expire(self, row_id: str) -> None:
        with unless_busy():
            Notification.objects.filter(public_id=row_id).update(expires_at="2020-01-01T00:00:00Z")
            self.expired.add(row_id)
            self.rows[row_id] = replace(self.rows[row_id], expires_at=time.time())

    # --- Memberships, leases, the flag

    def join(self, person: Person, unit: Unit) -> None:
        self._note(person, unit, _change(person, unit))

    def change_membership(self, person: Person, unit: Unit) -> None:
        """In a transaction of its own, and 2.5 s later, within which open streams follow."""
        if not self.is_held(person) and not self.is_held_up:
            self._note(person, unit, _change(person, unit))
            self.loop.pass_time(2.5)

    def change_membership_within(self, writer: str, person: Person, unit: Unit) -> None:
        """In the open transaction of `writer`, however long that goes on; from its commit on no time passes."""
        if not self.is_held(person):
            within = self._transaction(writer)
            with _default(within.held.using):
                within.changed.append((person, unit, _change(person, unit)))

    def is_held(self, person: Person) -> bool:
        """Whether an open transaction has changed a membership of theirs: another change would wait for its end."""
        return any(person == held for one in self._open.values() for held, _, _ in one.changed)

    def _note(self, person: Person, unit: Unit, since: int | None) -> None:
        """Owe what follows `since`; None: nothing of that unit, of which what was stamped before may be under way."""
        channel, head = audiences.channel_for_unit(unit), eventlog.position().seq
        heard = self.hearings[person.pk]
        if since is not None:
            heard.append(Hearing(channel, since))
            return
        for place, hearing in enumerate(heard):
            if hearing.channel == channel and hearing.until is None:
                heard[place] = replace(hearing, until=hearing.since, grace=head)

    def let_leases_run_out(self) -> None:
        with unless_busy():
            DispatcherLease.objects.update(until="2020-01-01T00:00:00Z")
            Notification.objects.exclude(lease_until=None).update(lease_until="2020-01-01T00:00:00Z")

    def set_flag(self, everyone: bool) -> None:
        with unless_busy():
            RolloutFlag.objects.filter(name="ably").update(everyone=everyone)
            wakes.wake(wakes.HUBS)

    # --- Pages

    def open_tab(self, person: Person, leader: Tab | None = None) -> Tab:
        tab = Tab(self, person, f"{person.username}-{len(self.tabs) + len(self.closed)}", leader)
        self.tabs.append(tab)
        return tab

    def close_tab(self, tab: Tab) -> None:
        tab.die()
        self.tabs.remove(tab)
        self.closed.append(tab)

    def read_after(self, person: Person, cursor: str, only: str | None = None, limit: int = 3) -> dict:
        channels = Reader(person).channels
        channels = {name: since for name, since in channels.items() if only in (None, name)}
        page = eventlog.read_after(eventlog.Cursor.parse(cursor), channels, limit)
        return {"results": [wire(row) for row in page.rows], "complete_to": str(page.complete_to), "more": page.more}

    # --- The end

    def come_to_rest(self) -> None:
        """Every transaction ends, somebody leads, and all pages go on by themselves; nothing more is sent."""
        for writer in self.writing:
            self.end(writer, commit=True)
        self.let_leases_run_out()
        last = Dispatcher(self)
        last.lead()
        last.stamp()
        for _ in range(8):
            for step in (last.claim, last.publish, last.settle):
                step()
            self.watch_ably()
            for tab in list(self.tabs):
                tab.go_on()
            self.loop.pass_time(1.2)

    def faults(self) -> list[history.Fault]:
        placed = history.placed(self.rows.values(), self._log())
        for tab in self.tabs + self.closed:
            tab.page.history.hearings = self.hearings[tab.person.pk]
        closed = [replace(tab.page.history, start=10**9) for tab in self.closed]  # nothing is owed to it
        return history.check(placed, [*(tab.page.history for tab in self.tabs), *closed], now=time.time())

    def forgetful_cursors(self) -> list[str]:
        """Of all that were ever saved, those from which a page that restarts would miss what is theirs and unseen."""
        return [
            f"{tab.page.history.name} from {saved.cursor}: {row.seq} of {row.channel}"
            for tab in self.tabs
            for saved in tab.page.saved
            for row in self._missed_from(tab, saved)
        ]

    def _missed_from(self, tab: Tab, saved: Saved) -> list[Row]:
        got = {arrival.event_id for arrival in tab.page.history.arrivals[: saved.arrivals] if arrival.shown}
        cursor, more = saved.cursor, True
        while more:
            answer = self.read_after(tab.person, cursor, limit=50)
            got |= {row["event_id"] for row in answer["results"]}
            cursor, more = answer["complete_to"], answer["more"]
        owed = history.owed(tab.page.history, history.placed(self.rows.values(), self._log()), time.time())
        return [row for row in owed if row.channel in saved.channels and row.event_id not in got]

    def _log(self) -> dict[str, tuple]:
        rows = Notification.objects.values_list("public_id", "seq", "prev_seq")
        return {str(public_id): (seq, prev_seq) for public_id, seq, prev_seq in rows}

    def close(self) -> None:
        for tab in list(self.tabs):
            tab.die()
        for writer in self.writing:
            self.end(writer, commit=False)
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self._running)
        self.loop.pass_time(0.1)
        self.application.close()


def _change(person: Person, unit: Unit) -> int | None:
    """Make or end the membership, and return from which seq on it holds; None where it ended."""
    if found := Membership.objects.filter(person=person, unit=unit).first():
        found.delete()
        return None
    return Membership.objects.create(person=person, role=Role.TECNICO, unit=unit).since


@contextlib.contextmanager
def _default(writer: str) -> Iterator[None]:
    """What is done without the name of a database is done in the transaction of `writer`."""
    before = connections["default"]
    connections["default"] = connections[writer]
    try:
        yield
    finally:
        connections["default"] = before


def _empty_the_log() -> None:
    Notification.objects.all().delete()
    Channel.objects.all().delete()
    Membership.objects.all().delete()
    DispatcherLease.objects.update(holder="", until=None)
    LogHead.objects.update(seq=0, trimmed_to=0, epoch=f"{random.getrandbits(32):08x}")
    RolloutFlag.objects.filter(name="ably").update(everyone=False)


def people_a_world_needs() -> None:
    """Once a database."""
    for code in ("CRAS01", "CRAS02"):
        Unit.objects.create(code=code, name=code, sigla=code, kind=Unit.Kind.CRAS)
    for name in ("ana", "bia", "caio"):
        Person.objects.create_user(name)
