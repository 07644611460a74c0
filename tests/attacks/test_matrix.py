"""Roles × channels × operations: who hears a channel may do all with what is in it; whoever does not, nothing, and is
not told that it is there.
"""

import json

import jwt
import pytest
from django.test import Client
from django.urls import reverse

from notificacao import audiences, tokens
from notificacao.eventlog import position
from notificacao.models import Membership, Role
from notificacao.services import notify
from notificacao.stream.authorisation import grants_of
from tests.asgi import in_database, set_rollout
from tests.conftest import make_person
from tests.stamping import stamp_all

pytestmark = pytest.mark.slow

PLACES = ("own", "anothers", "own unit", "another unit", "handled benefit", "another benefit", "system")
ALWAYS = {"own", "system"}
EVERYTHING = set(PLACES) - {"anothers"}
HEARS = {
    Role.CIDADAO: ALWAYS,
    Role.TECNICO: ALWAYS | {"own unit"},
    Role.ASSISTENTE_SOCIAL: ALWAYS | {"own unit"},
    Role.COORDENADOR: ALWAYS | {"own unit", "handled benefit"},
    Role.TECNICO_SEMTAS: EVERYTHING,
    Role.GESTOR: EVERYTHING,
    Role.AUDITOR: ALWAYS,
    Role.ADMIN: EVERYTHING,
}
ACTS = ("read", "unread", "archive", "unarchive", "acknowledge")


@pytest.fixture(params=Role.values)
def person(request, cras_norte):
    role = Role(request.param)
    person = make_person("ana")
    Membership.objects.create(person=person, role=role, unit=cras_norte if role in Role.of_a_unit() else None)
    person.hears = HEARS[role]
    return person


@pytest.fixture
def channels(person, cras_norte, cras_sul, aluguel_social):
    other = type(aluguel_social).objects.create(slug="passagem", name="Passagem")
    cras_norte.benefits.add(aluguel_social)
    cras_sul.benefits.add(other)
    user, unit, benefit = audiences.channel_for_user, audiences.channel_for_unit, audiences.channel_for_benefit
    names = (user(person), user(make_person("caio")), unit(cras_norte), unit(cras_sul))
    return dict(zip(PLACES, (*names, benefit(aluguel_social), benefit(other), audiences.SYSTEM_CHANNEL), strict=True))


@pytest.fixture
def log(channels):
    """`(the position before it, {place: a row in that channel})`."""
    before = position()
    rows = {place: notify([name], title=place, message="m")[0] for place, name in channels.items()}
    stamp_all()
    return before, rows


@pytest.fixture
def browser(person):
    browser = Client()
    browser.force_login(person)
    return browser


def titles(answer) -> set[str]:
    return {row["title"] for row in answer.json()["results"]}


def test_the_inbox_and_the_replay_have_exactly_what_the_person_hears(person, log, browser):
    assert titles(browser.get(reverse("notifications"))) == person.hears
    assert titles(browser.get(reverse("notifications"), {"after": str(log[0])})) == person.hears


def test_to_ask_for_a_channel_by_name_gives_nothing_more(person, channels, log, browser):
    for place, name in channels.items():
        answer = browser.get(reverse("notifications"), {"after": str(log[0]), "channel": name})
        assert titles(answer) == person.hears & {place}


def test_stream_session_and_token_have_the_same_channels(person, channels, log, browser, settings):
    settings.ABLY_API_KEY = "app.key:segredo-de-teste-com-32-letras-x"
    heard = {channels[place] for place in person.hears}
    assert set(grants_of([person.pk])[person.pk].channels) == heard
    assert {one["name"] for one in browser.get(reverse("session")).json()["channels"]} == heard
    assert {name for name in channels.values() if tokens.validate_channel_access(person, name)} == heard
    set_rollout(everyone=True, breaker="closed")
    given = browser.post(reverse("ably-token")).json()
    assert given["capability"] == {name: ["subscribe"] for name in heard}
    claims = jwt.decode(given["token"], options={"verify_signature": False})
    assert json.loads(claims["x-ably-capability"]) == given["capability"]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
async def test_an_open_stream_brings_what_the_person_hears_of_before_and_of_now(site, person, channels, log):
    """In the live lane: its heads, the replay from a cursor, and what comes while it is open."""
    stream = await site.open(person, cursor=str(log[0]))
    (heads,) = [event.data["channels"] for event in stream.events if event.name == "heads"]
    assert set(heads) == {channels[place] for place in person.hears}
    while set(stream.titles) != person.hears:
        await stream.next("notification")
    for place, name in channels.items():
        await site.publish(f"agora: {place}", to=name)
    await site.publish("Fim", to=channels["own"])
    while stream.titles[-1] != "Fim":
        await stream.next("notification")
    assert sorted(stream.titles) == sorted([*person.hears, *(f"agora: {place}" for place in person.hears), "Fim"])


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
async def test_the_standby_lane_has_no_more(site, person, channels, log):
    """Beside Ably: heads of the same channels alone, and of what Ably did not take the same rows alone."""
    await in_database(set_rollout, everyone=True, breaker="closed")
    stream = await site.open(person, lane="standby")
    for place, name in channels.items():
        await site.publish(f"agora: {place}", to=name, dispatch_state="failed")
    await site.publish("Fim", to=channels["own"], dispatch_state="failed")
    while stream.titles[-1:] != ["Fim"]:
        await stream.next("notification")
    assert sorted(stream.titles) == sorted([*(f"agora: {place}" for place in person.hears), "Fim"])
    told = {name for event in stream.events if event.name == "heads" for name in event.data["channels"]}
    assert told == {channels[place] for place in person.hears}


def test_what_is_not_theirs_is_to_them_as_what_is_not_there(person, log, browser):
    for act in ACTS:
        nowhere = browser.post(reverse(act, args=["01935d2e-0000-7000-8000-000000000000"]))
        for place, row in log[1].items():
            answer = browser.post(reverse(act, args=[row.public_id]))
            if place in person.hears:
                assert answer.status_code == 200, (act, place)
            else:
                assert (answer.status_code, answer.content) == (404, nowhere.content), (act, place)


def test_a_page_that_is_not_theirs_is_to_them_as_one_that_is_not_there(person, log, browser):
    pages = {place: browser.get(reverse("notification", args=[row.public_id])) for place, row in log[1].items()}
    assert {place for place, page in pages.items() if page.status_code == 200} == person.hears


def test_what_is_posted_beside_the_question_changes_nobody(person, channels, log, browser):
    more = {"is_staff": True, "is_superuser": True, "role": "ADMIN", "person": 1, "channel": channels["anothers"]}
    browser.post(reverse("read", args=[log[1]["own"].public_id]), more, content_type="application/json")
    browser.post(reverse("read-all"), {"up_to": None, **more}, content_type="application/json")
    person.refresh_from_db()
    assert (person.is_staff, person.is_superuser, person.memberships.count()) == (False, False, 1)
