"""People with a role and a login each, made in one go."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Login:
    person_pk: int
    session_key: str
    lane: str
    number: int

    def request(self, cursor: str = "") -> bytes:
        """Opens a stream as the page does; with a `cursor`, as one that comes back."""
        return (
            f"GET /api/v1/stream/?lane={self.lane}&browser={self.number:022}&cursor={cursor} HTTP/1.1\r\n"
            f"Host: 127.0.0.1\r\nCookie: sessionid={self.session_key}\r\n\r\n"
        ).encode()


def log_everybody_in(count: int) -> list[Login]:
    """`count` técnicos of ten units; beyond the first thousand every second one is in the rollout, in standby."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.utils import timezone
    from django.utils.crypto import get_random_string

    from notificacao import rollout
    from notificacao.models import Membership, Person, Role, RolloutFlag, Unit

    RolloutFlag.objects.filter(name="ably").update(everyone=None, percent=50)
    units = Unit.objects.bulk_create([Unit(code=f"U{n}", name=f"Unidade {n}", sigla=f"U{n}") for n in range(10)])
    people = Person.objects.bulk_create(
        [Person(username=f"p{n}", password="!") for n in range(count)], batch_size=1_000
    )
    Membership.objects.bulk_create(
        [Membership(person=person, role=Role.TECNICO, unit=units[n % 10]) for n, person in enumerate(people)],
        batch_size=1_000,
    )
    store = SessionStore()
    expires = timezone.now() + datetime.timedelta(days=1)
    sessions, logins = [], []
    assigned = rollout.current().includes
    for number, person in enumerate(people):
        login = {
            SESSION_KEY: str(person.pk),
            BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
            HASH_SESSION_KEY: person.get_session_auth_hash(),
        }
        key = get_random_string(32, "abcdefghijklmnopqrstuvwxyz0123456789")
        sessions.append(Session(session_key=key, session_data=store.encode(login), expire_date=expires))
        lane = "standby" if number >= 1_000 and assigned(person.pk) else "live"
        logins.append(Login(person.pk, key, lane, number))
    Session.objects.bulk_create(sessions, batch_size=1_000)
    return logins
