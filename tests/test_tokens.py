"""Ably tokens: what the JWT says, for exactly which channels, and how it can be taken back."""

import json
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import jwt
import pytest
from django.db import OperationalError

from notificacao import audiences, eventlog, revocations, tokens
from notificacao.models import AuditEvent, BenefitType, Membership, Person, Revocation, Role
from notificacao.revocations import revocation_key
from notificacao.tokens import generate_token, validate_channel_access
from tests.conftest import make_person

KEY_NAME, SECRET = "semtas.local", "secret-of-32-characters-xxxxxxxx"
SESSION_KEY = "sessao-de-ana-0123456789"


@pytest.fixture(autouse=True)
def ably(settings):
    settings.ABLY_API_KEY = f"{KEY_NAME}:{SECRET}"
    settings.ABLY_TOKEN_TTL = 900


def claims_of(token):
    return jwt.decode(token.token, SECRET, algorithms=["HS256"])


def capability_of(person):
    return json.loads(claims_of(generate_token(person, SESSION_KEY))["x-ably-capability"])


def test_the_header_names_the_key_and_never_its_secret(ana):
    token = generate_token(ana, SESSION_KEY).token
    assert jwt.get_unverified_header(token) == {"typ": "JWT", "alg": "HS256", "kid": KEY_NAME}
    assert SECRET not in token


def test_a_token_is_signed_with_the_keys_secret_alone(ana):
    token = generate_token(ana, SESSION_KEY).token
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, "another-secret-of-32-characters-x", algorithms=["HS256"])
    assert jwt.decode(token, SECRET, algorithms=["HS256"])["x-ably-clientId"] == ana.public_id


def test_the_claims_are_these_and_no_others(ana):
    claims = claims_of(generate_token(ana, SESSION_KEY))
    assert set(claims) == {"iat", "exp", "x-ably-capability", "x-ably-clientId", "x-ably-revocation-key"}
    assert claims["x-ably-clientId"] == audiences.client_id_for(ana)
    assert claims["x-ably-revocation-key"] == revocation_key(SESSION_KEY)


@pytest.mark.parametrize("ttl", [60, 900])
def test_a_token_lives_as_long_as_the_settings_say(ana, settings, monkeypatch, ttl):
    settings.ABLY_TOKEN_TTL = ttl
    monkeypatch.setattr(eventlog, "now", lambda: datetime.fromtimestamp(2_000_000_000.9, UTC))
    token = generate_token(ana, SESSION_KEY)
    claims = jwt.decode(token.token, SECRET, algorithms=["HS256"], options={"verify_iat": False})
    assert (claims["iat"], claims["exp"]) == (2_000_000_000, 2_000_000_000 + ttl)
    assert token.expires_at == datetime.fromtimestamp(2_000_000_000 + ttl, UTC)


@pytest.mark.parametrize("role", Role.values)
def test_the_capability_is_the_channels_of_the_person_to_subscribe_and_nothing_else(cras_norte, cras_sul, role):
    BenefitType.objects.create(slug="aluguel-social", name="Aluguel social").units.add(cras_norte)
    person = make_person("alguem", role, cras_norte if role in Role.of_a_unit() else None)
    heard = audiences.channels_of([person.pk])[person.pk]
    assert capability_of(person) == {channel: ["subscribe"] for channel in heard}
    assert generate_token(person, SESSION_KEY).capability == capability_of(person)


def test_whoever_hears_every_unit_has_them_named_one_by_one_and_no_wildcard(cras_norte, cras_sul):
    names = set(capability_of(make_person("gestora", Role.GESTOR)))
    assert {audiences.channel_for_unit(cras_norte), audiences.channel_for_unit(cras_sul)} < names
    assert not any(set(name) & set("*[],") for name in names)


def test_a_membership_that_ended_is_not_in_the_next_token(ana, cras_norte):
    unit = audiences.channel_for_unit(cras_norte)
    assert unit in capability_of(ana)
    ana.memberships.all().delete()
    assert unit not in capability_of(Person.objects.get(pk=ana.pk))


def test_somebody_inactive_gets_a_token_for_nothing(ana):
    ana.is_active = False
    ana.save()
    assert capability_of(ana) == {}


def test_the_moment_of_issue_is_taken_before_the_memberships_are_read(ana, monkeypatch):
    clock = iter(range(2_000_000_000, 2_000_000_100))
    monkeypatch.setattr(eventlog, "now", lambda: datetime.fromtimestamp(next(clock), UTC))
    read_at = []

    def channels_of(people):
        read_at.append(eventlog.now().timestamp())
        return {ana.pk: {}}

    monkeypatch.setattr(tokens.audiences, "channels_of", channels_of)
    token = generate_token(ana, SESSION_KEY).token
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_iat": False})
    assert claims["iat"] < read_at[-1]


def test_each_login_has_a_revocation_key_of_its_own_that_does_not_tell_the_session(ana):
    first, second = (claims_of(generate_token(ana, key))["x-ably-revocation-key"] for key in (SESSION_KEY, "outra"))
    assert first != second
    assert SESSION_KEY not in first
    assert SESSION_KEY not in generate_token(ana, SESSION_KEY).token
    assert revocation_key(SESSION_KEY) == first


def test_a_revocation_key_has_only_characters_that_a_target_may_have():
    keys = {revocation_key(session_key) for session_key in ("", "a", "b:*", "ç" * 99)}
    assert len(keys) == 4
    assert all(key.isalnum() and key.isascii() and len(key) == 32 for key in keys)


def test_access_is_to_exactly_the_channels_of_the_person(ana, bia, cras_norte, cras_sul):
    assert validate_channel_access(ana, audiences.channel_for_user(ana))
    assert validate_channel_access(ana, audiences.channel_for_unit(cras_norte))
    assert validate_channel_access(ana, audiences.SYSTEM_CHANNEL)
    assert not validate_channel_access(ana, audiences.channel_for_user(bia))
    assert not validate_channel_access(ana, audiences.channel_for_unit(cras_sul))


def test_a_name_that_begins_like_an_allowed_one_is_another_name(ana, bia):
    for person, public_id in ((ana, "1"), (bia, "10")):
        person.public_id = public_id
        person.save()
    assert validate_channel_access(ana, "private:user:1:notifications")
    assert validate_channel_access(bia, "private:user:10:notifications")
    assert not validate_channel_access(ana, "private:user:10:notifications")
    assert not validate_channel_access(bia, "private:user:1:notifications")


@pytest.mark.parametrize(
    "disguise",
    [
        "{}x",
        "{} ",
        " {}",
        "{}\n",
        "{}:more",
        "[meta]{}",
        "[?rewind=1]{}",
        "{0},{0}",
        "private:*",
        "*",
        "",
        "private:user:*:notifications",
    ],
)
def test_what_only_looks_like_an_allowed_name_is_refused(ana, disguise):
    own = audiences.channel_for_user(ana)
    assert not validate_channel_access(ana, disguise.format(own))
    assert not validate_channel_access(ana, own.upper())


def test_access_ends_with_the_membership_and_with_the_account(ana, cras_norte):
    unit, own = audiences.channel_for_unit(cras_norte), audiences.channel_for_user(ana)
    Membership.objects.filter(person=ana).delete()
    assert not validate_channel_access(ana, unit)
    assert validate_channel_access(ana, own)
    ana.is_active = False
    ana.save()
    assert not validate_channel_access(ana, own)


# --- The same token again


@pytest.fixture
def clock(monkeypatch):
    """`clock.now` is the time, by the database's clock and by the process's."""
    clock = SimpleNamespace(now=time.time())
    monkeypatch.setattr(time, "time", lambda: clock.now)
    monkeypatch.setattr(eventlog, "now", lambda: datetime.fromtimestamp(clock.now, UTC))
    return clock


def test_pages_of_one_login_get_the_same_token_by_what_tells_that_it_is_still_right(ana, django_assert_num_queries):
    first = generate_token(ana, SESSION_KEY, "127.0.0.1")
    with django_assert_num_queries(3):  # the person, the memberships, the revocations
        assert generate_token(ana, SESSION_KEY, "127.0.0.1") == first
    assert AuditEvent.objects.count() == 1


def test_a_token_is_given_again_until_two_thirds_of_its_life_are_over(ana, clock):
    first = generate_token(ana, SESSION_KEY)
    clock.now += 599
    assert generate_token(ana, SESSION_KEY) == first
    clock.now += 2
    later = generate_token(ana, SESSION_KEY)
    assert later.expires_at - first.expires_at == timedelta(seconds=601)


@pytest.mark.parametrize("login", [("outra-sessao", "10.0.0.1"), (SESSION_KEY, "10.0.0.2")])
def test_another_login_and_another_address_get_a_token_of_their_own(ana, login):
    generate_token(ana, SESSION_KEY, "10.0.0.1")
    generate_token(ana, *login)
    assert AuditEvent.objects.count() == 2


def test_two_people_never_share_a_token(ana, bia):
    assert generate_token(ana, SESSION_KEY) != generate_token(bia, SESSION_KEY)


def test_other_channels_whoever_changed_them_drop_the_token_at_once(ana):
    generate_token(ana, SESSION_KEY)
    Membership.objects.filter(person=ana)._raw_delete("default")
    generate_token(Person.objects.get(pk=ana.pk), SESSION_KEY)
    assert AuditEvent.objects.count() == 2


# --- After a revocation


def revoke(target, clock, before=0.0):
    """As the dispatcher leaves it: `before` seconds ago."""
    Revocation.objects.create(target=target, reason="access", issued_before=int((clock.now - before) * 1000))


@pytest.fixture
def waits(monkeypatch, clock):
    """How long each wait was; the clock goes on by it."""
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        clock.now += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    return waits


@pytest.mark.parametrize("of", ["person", "login"])
def test_in_the_second_of_a_revocation_the_next_token_waits_for_the_end_of_that_second(ana, clock, waits, of):
    clock.now = int(clock.now) + 0.4
    revoke(
        revocations.of_person(ana.public_id) if of == "person" else revocations.of_login(SESSION_KEY), clock, before=0.1
    )
    issued_at = int(generate_token(ana, SESSION_KEY).expires_at.timestamp()) - 900
    assert waits == [pytest.approx(0.6, abs=0.01)]
    assert issued_at * 1000 >= Revocation.objects.get().issued_before


def test_a_second_after_a_revocation_nobody_waits(ana, clock, waits):
    revoke(revocations.of_person(ana.public_id), clock, before=1.0)
    generate_token(ana, SESSION_KEY)
    assert waits == []


def test_a_revocation_of_somebody_else_keeps_nobody_waiting(ana, bia, clock, waits):
    revoke(revocations.of_person(bia.public_id), clock)
    revoke(revocations.of_login("outra-sessao"), clock)
    generate_token(ana, SESSION_KEY)
    assert waits == []


def test_a_clock_that_is_ahead_keeps_nobody_waiting_for_ever(ana, clock, waits):
    revoke(revocations.of_person(ana.public_id), clock, before=-3600)
    generate_token(ana, SESSION_KEY)
    assert waits == [2.0]


# --- The audit trail


def test_each_token_that_is_issued_is_on_record_without_the_token(ana):
    token = generate_token(ana, SESSION_KEY, "10.0.0.1")
    event = AuditEvent.objects.get()
    assert (event.action, event.who, event.ip, event.reason) == ("token_issued", ana.public_id, "10.0.0.1", "")
    assert event.data == {
        "channels": sorted(token.capability),
        "issued_at": int(token.expires_at.timestamp()) - 900,
        "expires_at": int(token.expires_at.timestamp()),
    }


def test_a_token_that_could_not_be_put_on_record_is_not_given(ana, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("no space left")

    monkeypatch.setattr(AuditEvent.objects, "create", fail)
    with pytest.raises(OperationalError):
        generate_token(ana, SESSION_KEY)
    monkeypatch.undo()
    generate_token(ana, SESSION_KEY)
    assert AuditEvent.objects.count() == 1
