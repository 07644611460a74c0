"""What people, staff and processes ask of the database, each as one act that `growth.py` repeats."""

import itertools
from collections.abc import Callable

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.urls import reverse

from benchmarks._grown import ANA, CHEFE, GIL

Act = Callable[[], object]


def acts(rows: int) -> dict[str, Act]:
    """Return the acts by their names, in a town with so many rows."""
    return {**_of_the_log(rows), **_of_people(rows), **_of_staff()}


def _of_the_log(rows: int) -> dict[str, Act]:
    from notificacao import audiences, cost, eventlog, retention, services
    from notificacao.dispatcher.stamp import stamp
    from notificacao.eventlog import Cursor
    from notificacao.figures import counting
    from notificacao.models import DispatcherLease, FigureMinute, Person
    from notificacao.stream import tail

    DispatcherLease.objects.update_or_create(pk=1, defaults={"term": 1, "holder": "bench"})
    epoch = eventlog.position().epoch
    ana = audiences.channel_for_user(Person.objects.get(username=ANA))

    def write_and_stamp() -> None:
        services.notify([ana], title="Medida", message="m" * 200, kind="solicitacao")
        assert len(stamp(1, skip=True)) == 1

    return {
        "write and stamp one row": write_and_stamp,
        "a hub's look, 20 rows": lambda: tail.read(Cursor(epoch, rows - 20), [], 0),
        "a hub's look, all of the log": lambda: tail.read(Cursor(epoch, 0), [], 0),
        "a batch of retention": lambda: retention.trim(120),
        "how much retention would delete": lambda: retention.due(120),
        "figures of the first minute": lambda: FigureMinute.objects.all().delete() and counting.due(eventlog.now()),
        "a sample of the cost": cost.look,
    }


def _of_people(rows: int) -> dict[str, Act]:
    from notificacao import eventlog, reading, tokens
    from notificacao.api.session import describe
    from notificacao.eventlog import Cursor
    from notificacao.models import Person
    from notificacao.reading import Filter, Reader

    epoch = eventlog.position().epoch
    ana, gil = (Person.objects.get(username=name) for name in (ANA, GIL))
    keys = {person.pk: _log_in(person) for person in (ana, gil)}
    places = (f"10.{n // 65_536}.{n // 256 % 256}.{n % 256}" for n in itertools.count(1))

    def inbox(person, **wanted) -> list:
        reader = Reader(person)
        return reader.entries(reader.inbox(Filter(**wanted)).order_by("-seq")[:31])

    def session_with_token(person):
        described = describe(person, keys[person.pk], can_verify=True)
        return described, tokens.generate_token(person, keys[person.pk], next(places))

    def catch_up(person, seq):
        return eventlog.read_after(Cursor(epoch, seq), Reader(person).channels, 100)

    return {
        "catch-up, the last 1,000 rows": lambda: catch_up(ana, rows - 1_000),
        "catch-up, all of the log": lambda: catch_up(ana, rows // 4),
        "inbox": lambda: inbox(ana),
        "inbox, not read": lambda: inbox(ana, unread=True),
        "inbox, one rare kind": lambda: inbox(ana, kinds=("manutencao",)),
        "archive": lambda: inbox(ana, archived=True),
        "inbox of every unit": lambda: inbox(gil),
        "unread count": lambda: reading.unread_of(ana),
        "unread count of every unit": lambda: reading.unread_of(gil),
        "session with a token": lambda: session_with_token(ana),
        "session of every unit": lambda: describe(gil, keys[gil.pk], can_verify=True),
    }


def _of_staff() -> dict[str, Act]:
    from notificacao import audiences
    from notificacao.models import Channel, Notification, Person, Unit

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(Person.objects.get(username=CHEFE))
    heads = dict(Channel.objects.values_list("name", "head"))
    unit = audiences.channel_for_unit(Unit.objects.get(code="U0"))
    told, everybody, hers = (
        Notification.objects.get(seq=heads[channel])
        for channel in (unit, audiences.SYSTEM_CHANNEL, audiences.channel_for_user(Person.objects.get(username=ANA)))
    )

    def page(name: str, *place, **asked) -> Act:
        def get() -> None:
            response = client.get(reverse(f"admin:{name}", args=place), asked)
            assert response.status_code == 200, f"{name}: {response.status_code} {response.get('Location', '')}"

        return get

    def notifications(**asked) -> Act:
        return page("notificacao_notification_changelist", **asked)

    return {
        "admin: notifications": notifications(),
        "admin: those that failed": notifications(dispatch_state__exact="failed"),
        "admin: those of a rare kind": notifications(kind__exact="manutencao"),
        "admin: those to benefits": notifications(para="benefit"),
        "admin: those to people": notifications(para="user"),
        "admin: search for a person": notifications(q="Sobrenome77"),
        "admin: people": page("notificacao_person_changelist"),
        "admin: search among people": page("notificacao_person_changelist", q="Sobrenome77"),
        "admin: memberships": page("notificacao_membership_changelist"),
        "reach, a unit of 30": page("notificacao_notification_reach", told.pk),
        "reach, everybody": page("notificacao_notification_reach", everybody.pk),
        "why, by identifier": page("notificacao_notification_why", person=ANA, q=str(hers.public_id)),
        "why, by words": page("notificacao_notification_why", person=ANA, q="solicitação inexistente"),
        "why, by a day": page("notificacao_notification_why", person=ANA, q="01/01/2026"),
        "admin: home": page("index"),
        "admin: goals": page("notificacao_figureminute_changelist"),
    }


def _log_in(person) -> str:
    store = SessionStore()
    store.update(
        {
            SESSION_KEY: str(person.pk),
            BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
            HASH_SESSION_KEY: person.get_session_auth_hash(),
        }
    )
    store.create()
    return store.session_key
