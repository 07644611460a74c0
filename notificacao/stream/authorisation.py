"""Who may open a stream and what flows in it: the site's own login, checked for many people at once.

A thousand returning browsers must not queue one behind the other: all who ask while one batch is read make the next.
"""

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from notificacao import audiences, eventlog, reading, rollout
from notificacao.database import DatabaseThread
from notificacao.eventlog import Cursor
from notificacao.models import Person

BATCH = 500  # people asked for in one statement


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person may hear, as the database had it at `position`."""

    person_pk: int
    channels: Mapping[str, int]
    heads: Mapping[str, int]
    position: Cursor
    assigned: bool
    trimmed_to: int = 0  # retention took the log up to there


def people_of(session_keys: Iterable[str]) -> dict[str, Person]:
    """`{session key: person}` of the sessions that are alive, of active people, with today's password."""
    alive = Session.objects.filter(session_key__in=set(session_keys), expire_date__gt=timezone.now())
    store = SessionStore()
    data = {key: store.decode(text) for key, text in alive.values_list("session_key", "session_data")}
    pks = {values[SESSION_KEY] for values in data.values() if SESSION_KEY in values}
    people = {str(person.pk): person for person in Person.objects.filter(pk__in=pks, is_active=True).only("password")}
    return {
        key: person
        for key, values in data.items()
        if (person := people.get(values.get(SESSION_KEY, ""))) and _password_unchanged(person, values)
    }


def _password_unchanged(person: Person, session: Mapping[str, str]) -> bool:
    """As django.contrib.auth.get_user does, `SECRET_KEY_FALLBACKS` honoured."""
    held = session.get(HASH_SESSION_KEY, "")
    if constant_time_compare(held, person.get_session_auth_hash()):
        return True
    return any(constant_time_compare(held, known) for known in person.get_session_auth_fallback_hash())


def grants_of(person_pks: Iterable[int]) -> dict[int, Grant]:
    """`{person pk: grant}` of the active ones, in a bounded number of queries.

    The position comes first: what is stamped after it will be seen by the hub.
    """
    head = eventlog.head()
    heard = audiences.channels_of(person_pks)
    heads = eventlog.heads({name: 0 for channels in heard.values() for name in channels})
    now = rollout.current()
    return {
        pk: Grant(
            person_pk=pk,
            channels=channels,
            heads={name: heads[name] for name in channels},
            position=Cursor.of(head),
            assigned=now.assigned(pk),
            trimmed_to=head.trimmed_to,
        )
        for pk, channels in heard.items()
    }


def unread_of(heard: Mapping[int, Mapping[str, int]]) -> tuple[int, dict[int, int]]:
    """`(seq, {person pk: events not read})`: all rows up to `seq` are counted, and none after it."""
    seq = eventlog.position().seq
    return seq, reading.unread(heard, seq)


def grants_for(session_keys: list[str]) -> dict[str, Grant]:
    """`{session key: grant}` of those who are logged in."""
    people = people_of(session_keys)
    grants = grants_of({person.pk for person in people.values()})
    return {key: grants[person.pk] for key, person in people.items() if person.pk in grants}


class StreamAuthoriser:
    """Answers `grant(session key)` for many at once, on a database thread of its own."""

    def __init__(self) -> None:
        self._thread = DatabaseThread("authoriser")
        self._waiting: dict[str, list[asyncio.Future[Grant | None]]] = {}
        self._reading: asyncio.Task | None = None

    async def grant(self, session_key: str) -> Grant | None:
        """What the person of that session may hear; None where nobody is logged in. Raises DatabaseError."""
        if not session_key:
            return None
        answer: asyncio.Future[Grant | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(session_key, []).append(answer)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_batches())
        return await answer

    async def _read_batches(self) -> None:
        while self._waiting:
            batch = dict(itertools.islice(self._waiting.items(), BATCH))
            self._waiting = dict(itertools.islice(self._waiting.items(), BATCH, None))
            try:
                grants = await self._thread.run(grants_for, list(batch))
            except Exception as error:
                for answer in _still_wanted(itertools.chain(*batch.values())):
                    answer.set_exception(error)
            else:
                for key, answers in batch.items():
                    for answer in _still_wanted(answers):
                        answer.set_result(grants.get(key))

    def close(self) -> None:
        self._thread.close()


def _still_wanted(answers: Iterable[asyncio.Future]) -> list[asyncio.Future]:
    return [answer for answer in answers if not answer.done()]
