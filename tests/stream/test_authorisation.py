"""Who is behind a session, what they may hear, and how many are asked about at once."""

import asyncio
from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from notificacao import audiences, eventlog
from notificacao.models import Membership, Person, ReadMark, Role
from notificacao.stream import authorisation
from notificacao.stream import batches as gathering
from notificacao.stream.authorisation import StreamAuthoriser, grants_for, grants_of, logins_of
from tests.asgi import log_in, publish, set_rollout
from tests.conftest import make_person
from tests.waiting import eventually

pytestmark = pytest.mark.django_db


def people_of(session_keys):
    return {key: login.person for key, login in logins_of(session_keys).items()}


@pytest.fixture
def key(ana):
    """The session of ana's login."""
    return log_in(ana)


def test_a_login_is_its_person(key, ana):
    assert people_of([key]) == {key: ana}


def test_several_sessions_of_one_person_are_each_theirs(key, ana, caio):
    another, his = log_in(ana), log_in(caio)
    assert people_of([key, another, his]) == {key: ana, another: ana, his: caio}


def test_a_key_that_no_session_has_is_nobody(key, ana):
    assert people_of(["inventada", key, ""]) == {key: ana}


def test_a_session_without_a_login_is_nobody(ana):
    client = Client()
    session = client.session
    session["cesta"] = 1
    session.save()
    assert people_of([session.session_key]) == {}


def test_an_expired_session_is_nobody(key):
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert people_of([key]) == {}


def test_a_session_whose_data_were_tampered_with_is_nobody(key):
    Session.objects.update(session_data="x" + Session.objects.get().session_data)
    assert people_of([key]) == {}


def test_a_session_signed_with_a_foreign_key_is_nobody(key, settings):
    settings.SECRET_KEY = "de outro sistema"
    assert people_of([key]) == {}


def test_a_key_that_was_rotated_is_honoured_while_it_is_among_the_fallbacks(key, ana, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a nova"
    assert people_of([key]) == {key: ana}
    settings.SECRET_KEY_FALLBACKS = ["outra antiga"]
    assert people_of([key]) == {}


def test_a_signature_is_verified_once_and_the_login_looked_at_each_time(key, ana, caio, monkeypatch):
    his, verified, decode = log_in(caio), [], SessionStore.decode
    monkeypatch.setattr(SessionStore, "decode", lambda self, data: verified.append(data) or decode(self, data))
    assert [people_of([key]) for _ in range(3)] == [{key: ana}] * 3
    assert people_of([key, his]) == {key: ana, his: caio}
    assert len(verified) == 2
    Session.objects.filter(pk=key).delete()
    Session.objects.filter(pk=his).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert people_of([key, his]) == {}


def test_no_more_sessions_are_remembered_than_there_is_room_for(ana, monkeypatch):
    monkeypatch.setattr(authorisation, "_REMEMBERED", 2)
    keys = [log_in(ana) for _ in range(5)]
    assert people_of(keys) == dict.fromkeys(keys, ana)
    assert len(authorisation._signed._known) <= 2


def test_a_session_of_before_the_password_changed_is_nobody(key, ana):
    ana.set_password("outro-segredo")
    ana.save()
    assert people_of([key]) == {}
    new = log_in(ana)
    assert people_of([key, new]) == {new: ana}


def test_somebody_inactive_is_nobody(key, ana):
    Person.objects.filter(pk=ana.pk).update(is_active=False)
    assert people_of([key]) == {}
    assert grants_for([key]) == {}
    assert grants_of([ana.pk]) == {}


def test_somebody_deleted_is_nobody(key, ana):
    ana.delete()
    assert people_of([key]) == {}


def test_a_session_that_logged_out_is_nobody(ana):
    client = Client()
    client.force_login(ana)
    key = client.session.session_key
    assert people_of([key]) == {key: ana}
    client.logout()
    assert people_of([key]) == {}


def test_a_grant_holds_what_the_log_and_the_flag_say(key, ana, cras_norte, settings):
    settings.ABLY_API_KEY = "app.key:segredo"
    set_rollout(everyone=True, breaker="closed")
    norte = audiences.channel_for_unit(cras_norte)
    publish(("1", "2"), norte, {})
    ReadMark.objects.create(person=ana, channel=norte, seq=1)
    grant = grants_for([key])[key][0]
    assert grant.person_pk == ana.pk
    assert grant.channels == audiences.channels_of([ana.pk])[ana.pk]
    assert grant.heads == {norte: 2, audiences.SYSTEM_CHANNEL: 0, audiences.channel_for_user(ana): 0}
    assert grant.position.seq == 2
    assert grant.assigned


def test_during_an_outage_one_is_still_assigned(key, settings):
    settings.ABLY_API_KEY = "app.key:segredo"
    set_rollout(everyone=True, breaker="open")
    assert grants_for([key])[key][0].assigned


def test_nobody_hears_a_unit_that_is_not_theirs(ana, caio, cras_norte, cras_sul):
    grants = grants_of([ana.pk, caio.pk])
    norte, sul = audiences.channel_for_unit(cras_norte), audiences.channel_for_unit(cras_sul)
    assert (norte in grants[ana.pk].channels, sul in grants[ana.pk].channels) == (True, False)
    assert (norte in grants[caio.pk].channels, sul in grants[caio.pk].channels) == (False, True)
    assert norte not in grants[caio.pk].heads


@pytest.mark.slow
def test_fifty_people_cost_as_many_queries_as_one(ana, cras_norte, cras_sul):
    people = [Person.objects.create(username=f"pessoa{n}", password="!") for n in range(48)]
    for n, person in enumerate(people):
        Membership.objects.create(person=person, role=Role.COORDENADOR, unit=cras_norte if n % 2 else cras_sul)
    gestor = make_person("gestora", Role.GESTOR)
    Membership.objects.create(person=people[0], role=Role.TECNICO, unit=cras_sul)
    keys = [log_in(person) for person in [*people, gestor, ana]]
    with CaptureQueriesContext(connection) as few:
        assert len(grants_for([keys[0]])) == 1
    with CaptureQueriesContext(connection) as many:
        assert len(grants_for(keys)) == 50
    assert len(many) <= len(few) + 2, "the gestora's role alone needs the lists of units and benefits"
    assert len(many) <= 15


@pytest.fixture
async def door():
    authoriser = StreamAuthoriser()
    yield authoriser
    authoriser.close()


@pytest.fixture
def batches(monkeypatch):
    """Each batch that the authoriser reads; everybody is let in by name."""
    read = []

    def grants_for_names(keys):
        read.append(keys)
        return {key: f"de {key}" for key in keys if key != "ninguém"}

    monkeypatch.setattr(authorisation, "grants_for", grants_for_names)
    return read


def test_what_is_stamped_while_the_database_counts_is_not_counted(ana, cras_norte, monkeypatch):
    """The listener adds it when it comes: it would count twice."""
    norte, position = audiences.channel_for_unit(cras_norte), eventlog.position
    publish(["Antes"], norte, {})

    def position_before_the_next() -> eventlog.Cursor:
        place = position()
        publish(["Durante"], norte, {})
        return place

    monkeypatch.setattr(eventlog, "position", position_before_the_next)
    assert authorisation.unread_of({ana.pk: {norte: 0}}) == (1, {ana.pk: 1})
    assert authorisation.unread_of({ana.pk: {norte: 0}}) == (2, {ana.pk: 2})


async def test_a_thousand_who_ask_at_once_are_few_batches(door, batches):
    keys = [f"chave{n}" for n in range(1000)]
    answers = await asyncio.gather(*(door.grant(key) for key in keys))
    assert answers == [f"de {key}" for key in keys]
    assert len(batches) <= 2
    assert sorted(key for batch in batches for key in batch) == sorted(keys)


async def test_those_who_come_one_by_one_within_a_moment_share_a_batch(door, batches, monkeypatch):
    monkeypatch.setattr(gathering, "GATHER", 0.5)
    assert await door.grant("a") == "de a"
    others = []
    for key in ("b", "c", "d"):
        others.append(asyncio.create_task(door.grant(key)))
        await asyncio.to_thread(list)  # long enough for a batch of one, where each had its own
        await asyncio.sleep(0)
    assert await asyncio.gather(*others) == ["de b", "de c", "de d"]
    assert batches == [["a"], ["b", "c", "d"]]


async def test_whoever_comes_after_a_pause_waits_for_nobody(door, batches, monkeypatch):
    monkeypatch.setattr(gathering, "GATHER", 3_600)
    assert await door.grant("a") == "de a"
    door._gathering._began -= 3_600
    assert await door.grant("b") == "de b"
    assert batches == [["a"], ["b"]]


async def test_who_asks_while_a_batch_is_read_is_in_the_next(door, batches, monkeypatch):
    go_on, run = asyncio.Event(), door._thread.run

    async def slowly(work, *args):
        answer = await run(work, *args)
        await go_on.wait()
        return answer

    monkeypatch.setattr(door._thread, "run", slowly)
    first = asyncio.create_task(door.grant("a"))
    await eventually(lambda: batches == [["a"]])
    others = [asyncio.create_task(door.grant(key)) for key in ("b", "a", "c")]
    await eventually(lambda: set(door._waiting) == {"a", "b", "c"})
    go_on.set()
    assert await first == "de a"
    assert await asyncio.gather(*others) == ["de b", "de a", "de c"]
    assert [sorted(batch) for batch in batches] == [["a"], ["a", "b", "c"]]


async def test_the_same_key_twice_at_once_is_read_once(door, batches):
    assert await asyncio.gather(door.grant("a"), door.grant("a")) == ["de a", "de a"]
    assert batches == [["a"]]


async def test_without_a_key_nobody_is_asked(door, batches):
    assert await door.grant("") is None
    assert batches == []


async def test_a_key_of_nobody_gets_none(door, batches):
    assert await asyncio.gather(door.grant("ninguém"), door.grant("a")) == [None, "de a"]


async def test_one_who_gave_up_spoils_nothing_for_the_others(door, batches):
    impatient = asyncio.create_task(door.grant("a"))
    patient = asyncio.create_task(door.grant("a"))
    await eventually(lambda: "a" in door._waiting or batches)
    impatient.cancel()
    assert await patient == "de a"
    assert await door.grant("b") == "de b"


async def test_a_batch_that_fails_fails_for_all_of_it_and_the_next_is_read(door, monkeypatch):
    def away(keys):
        raise OperationalError("gone")

    monkeypatch.setattr(authorisation, "grants_for", away)
    answers = await asyncio.gather(door.grant("a"), door.grant("b"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [OperationalError, OperationalError]
    monkeypatch.setattr(authorisation, "grants_for", lambda keys: dict.fromkeys(keys, "de volta"))
    assert await door.grant("a") == "de volta"
