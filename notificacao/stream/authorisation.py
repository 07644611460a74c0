"""Authorise streams: check the site's own login for many people at once, and read what they may receive.

A thousand returning browsers must not queue one behind the other: all that ask while one batch is read, or within a
moment of it, make the next.
"""

import asyncio
import hashlib
import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.signals import setting_changed
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from notificacao import audiences, eventlog, places, reading, rollout
from notificacao.database import DatabaseThread
from notificacao.eventlog import Cursor
from notificacao.models import Channel, Person
from notificacao.stream.batches import BATCH, Gathering

_REMEMBERED = 20_000  # sessions, of some 230 bytes each


@dataclass(frozen=True, slots=True)
class Grant:
    """Hold what one person may receive, as the database had it at `position`.

    `channels` is `{channel: since}`, where rows after seq `since` are theirs; `heads` is `{channel: last seq}`;
    `assigned` says whether they belong on Ably.
    """

    person_pk: int
    channels: Mapping[str, int]
    heads: Mapping[str, int]
    position: Cursor
    assigned: bool
    trimmed_to: int = 0  # the seq up to which retention took the log


@dataclass(frozen=True, slots=True)
class Login:
    """Hold a login that is in force: whose it is, and for how many seconds more by the database's clock."""

    person: Person
    left: float


def logins_of(session_keys: Iterable[str]) -> dict[str, Login]:
    """Return `{session key: login}` of the sessions that are in force, of active people, with today's password."""
    alive = Session.objects.filter(session_key__in=set(session_keys), expire_date__gt=Now()).annotate(now=Now())
    columns = ("session_key", "session_data", "expire_date", "now")
    rows = alive.values_list(*columns)
    found = {key: (_signed.read(data), (end - now).total_seconds()) for key, data, end, now in rows}
    pks = {pk for (pk, _), _ in found.values() if pk}
    people = {str(person.pk): person for person in Person.objects.filter(pk__in=pks, is_active=True).only("password")}
    return {
        key: Login(person, left)
        for key, ((pk, held), left) in found.items()
        if (person := people.get(pk)) and _password_unchanged(person, held)
    }


class _SignedSessions:
    """Read whom a session's signed data names, and remember it by the data's digest.

    To verify a signature takes some 30 µs, and a page that comes back, or whose turn it is in a sweep, has the same
    data. Whether the login is in force is asked of the database each time.
    """

    def __init__(self) -> None:
        self._store = SessionStore()
        self._known: dict[bytes, bytes] = {}

    def read(self, data: str) -> tuple[str, str]:
        """Return the person's pk and the hash of the password at the login; both empty where nobody is logged in."""
        digest = hashlib.blake2b(data.encode(), digest_size=16).digest()
        known = self._known.get(digest)
        if known is None:
            values = self._store.decode(data)
            known = f"{values.get(SESSION_KEY, '')} {values.get(HASH_SESSION_KEY, '')}".encode()
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[digest] = known
        pk, _, held = known.decode().partition(" ")
        return pk, held

    def forget(self, **_: object) -> None:
        """Verify every session anew from here on: the secret may be another."""
        self._known.clear()


_signed = _SignedSessions()
setting_changed.connect(_signed.forget)


def _password_unchanged(person: Person, held: str) -> bool:
    """Tell whether the session, which holds the hash `held`, was made with today's password, as Django does."""
    if constant_time_compare(held, person.get_session_auth_hash()):
        return True
    return any(constant_time_compare(held, known) for known in person.get_session_auth_fallback_hash())


def grants_of(person_pks: Iterable[int]) -> dict[int, Grant]:
    """Return `{person pk: grant}` of the active people among `person_pks`, in a bounded number of queries.

    The position is read first: the hub will see what is stamped after it.
    """
    head = eventlog.head()
    channels_by_person = audiences.channels_of(person_pks)
    heads = eventlog.heads({name: 0 for channels in channels_by_person.values() for name in channels})
    now = rollout.current()
    return {
        pk: Grant(
            person_pk=pk,
            channels=channels,
            heads={name: heads[name] for name in channels},
            position=Cursor.of(head),
            assigned=now.assigned(pk, channels),
            trimmed_to=head.trimmed_to,
        )
        for pk, channels in channels_by_person.items()
    }


def unread_of(channels_by_person: Mapping[int, Mapping[str, int]]) -> tuple[int, dict[int, int]]:
    """Return `(seq, {person pk: unread events})`: every row up to `seq` is counted, and none after it.

    `channels_by_person` is `{person pk: {channel: since}}`.
    """
    seq = eventlog.position().seq
    return seq, reading.unread(channels_by_person, seq)


@dataclass(frozen=True, slots=True)
class Keys:
    """Hold channels by name as they were before it was asked who may have their keys, and who may have which.

    `permitted` is `{person pk: {channel: since}}`, `logins` are the session keys that are in force.
    """

    channels: Mapping[str, Channel]
    permitted: Mapping[int, Mapping[str, int]]
    logins: Collection[str]


def keys_of(channels: Iterable[str], person_pks: Iterable[int], session_keys: Iterable[str]) -> Keys:
    """Read the keys of `channels`, and then what these people may receive and which of these logins are in force.

    The keys are read first: a key that is renewed because somebody leaves is renewed after they have left.
    """
    found = {channel.name: channel for channel in Channel.objects.filter(places.is_one_of("pk", list(channels)))}
    return Keys(found, audiences.channels_of(person_pks), logins_of(session_keys).keys())


def grants_for(session_keys: list[str]) -> dict[str, tuple[Grant, float]]:
    """Return `{session key: (grant, seconds that the login is in force)}` of the sessions that are logged in."""
    logins = logins_of(session_keys)
    grants = grants_of({login.person.pk for login in logins.values()})
    return {key: (grants[login.person.pk], login.left) for key, login in logins.items() if login.person.pk in grants}


class StreamAuthoriser:
    """Read the grants of many sessions at once, on a database thread of its own."""

    def __init__(self) -> None:
        self._thread = DatabaseThread("authoriser")
        self._gathering = Gathering()
        self._waiting: dict[str, list[asyncio.Future[tuple[Grant, float] | None]]] = {}
        self._reading: asyncio.Task | None = None

    async def grant(self, session_key: str) -> tuple[Grant, float] | None:
        """Return what the person of that session may receive, and for how many seconds the login is in force.

        None where nobody is logged in. Raises DatabaseError.
        """
        if not session_key:
            return None
        answer: asyncio.Future[tuple[Grant, float] | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(session_key, []).append(answer)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_batches())
        return await answer

    async def _read_batches(self) -> None:
        """Read the grants of the waiting sessions, at most BATCH at once, until none waits."""
        while self._waiting:
            await self._gathering.begin()
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
        """Stop the thread; a query that runs goes on to its end."""
        self._thread.close()


def _still_wanted(answers: Iterable[asyncio.Future]) -> list[asyncio.Future]:
    """Return the futures that nobody has cancelled or answered."""
    return [answer for answer in answers if not answer.done()]
